using System.CommandLine;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Cli.Datasets;

/// <summary><c>ddpm dataset make faces</c> and <c>ddpm dataset info</c>.</summary>
internal static class DatasetCommands
{
    public static Command Create() => new("dataset", "Makes and describes sets of pictures.")
    {
        new Command("make", "Makes a set of pictures.") { Faces() },
        Info(),
    };

    private static Command Faces()
    {
        var folder = new Argument<string>("OUT") { Description = "Folder to make; it must be new or empty." };
        var count = Arguments.Number("--count", "How many.", 1, 1_000_000, 2000);
        var size = Arguments.Number("--size", "Side in pixels.", 8, 512, 64);
        var seed = Arguments.Number("--seed", "Face n depends on the seed and n only.", 0, 9_007_199_254_740_991, 0);
        var format = Arguments.Choice("--format", "PNG files in a folder for each hair colour, or a dataset that training reads directly:", "png", "png", "cache");
        var command = new Command("faces", "Draws cartoon faces: something to train on at once. The colour of the hair is the class.") { folder, count, size, seed, format };
        command.SetAction(parsed =>
        {
            using var interruption = new Interruption();
            var source = new FacesSource(parsed.GetValue(count), (ulong)parsed.GetValue(seed), parsed.GetValue(size));
            var target = Path.GetFullPath(parsed.GetRequiredValue(folder));
            if (parsed.GetValue(format) == "cache")
                PictureSource.Decode(source, new DatasetOptions { Resolution = parsed.GetValue(size) }, target, interruption.Token);
            else
                PictureFolder.Write(source, target, interruption.Token);
            Console.WriteLine($"{parsed.GetValue(count)} faces of {parsed.GetValue(size)}×{parsed.GetValue(size)} pixels in {target}");
            return 0;
        });
        return command;
    }

    private static Command Info()
    {
        var path = new Argument<string>("PATH") { Description = "A dataset made by 'ddpm dataset make' or by training, a folder of pictures, a zip or tar of them, parquet files, or a dataset of the Hugging Face hub: hub:OWNER/NAME or hub:OWNER/NAME@REVISION." };
        var resolution = Arguments.Number("--resolution", "Side that pictures which are not a dataset yet are brought to.", 8, 512, 64);
        var preview = new Option<string?>("--preview") { Description = "Write a grid of what the network will see to this PNG.", HelpName = "FILE" };
        var command = new Command("info", "Says what a set of pictures holds, and which files in it cannot be used.") { path, resolution, preview };
        var pictures = new PictureOptions();
        pictures.AddTo(command);
        command.SetAction(parsed =>
        {
            using var interruption = new Interruption();
            var place = parsed.GetRequiredValue(path);
            using var temporary = new TemporaryFolder();
            if (!PictureSource.IsDataset(place))
            {
                var options = new DatasetOptions { Resolution = parsed.GetValue(resolution) };
                PictureSource.Decode(pictures.Of(parsed, place, interruption.Token), options, temporary.Below("dataset"), interruption.Token);
                place = temporary.Below("dataset");
            }

            using var dataset = ImageDataset.Open(place);
            Describe(dataset);
            if (parsed.GetValue(preview) is { } file)
                WritePreview(dataset, file);
            return 0;
        });
        return command;
    }

    private static void Describe(ImageDataset dataset)
    {
        Console.WriteLine($"{dataset.Count} pictures of {dataset.Width}×{dataset.Height} pixels, {(dataset.Channels == 3 ? "colour" : "grey")}");
        foreach (var kind in dataset.Manifest.Classes)
            Console.WriteLine($"  {kind.Name}: {kind.Count}");
        foreach (var remark in PictureSource.Remarks(dataset.Manifest))
            Console.WriteLine(remark);
        Console.WriteLine($"SHA-256 of the pixels: {dataset.Sha256}");
    }

    private static void WritePreview(ImageDataset dataset, string file)
    {
        var pictures = dataset.Preview(64);
        var (rows, columns) = ImageGrid.LayoutFor(pictures.Count);
        File.WriteAllBytes(file, ImageGrid.EncodePng(pictures, rows, columns));
        Console.WriteLine($"Preview: {file}");
    }
}
