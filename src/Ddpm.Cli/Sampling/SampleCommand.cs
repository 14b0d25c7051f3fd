using System.CommandLine;
using System.Globalization;
using Ddpm.Cli.CommandLine;
using Ddpm.Cli.Models;
using Ddpm.Engine;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;

namespace Ddpm.Cli.Sampling;

/// <summary><c>ddpm sample</c>: a model folder in, pictures out.</summary>
internal static class SampleCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("MODEL") { Description = "A diffusers folder, such as model/ or a checkpoint of a training run, or the name of a model that comes with Ddpm." };
        var count = Arguments.Number("--count", "How many pictures.", 1, 10_000, 16);
        var first = Arguments.Number("--first", "Index of the first picture: picture k of a seed is the same alone or among others.", 0, 1_000_000, 0);
        var seed = Arguments.Number("--seed", "Decides the noise: same seed, same pictures.", 0, 9_007_199_254_740_991, 0);
        var sampler = new SamplerOptions();
        var labels = Arguments.OptionalList("--class-labels", "Classes to draw, by number: one for all pictures, or one for each; a class-conditional model's.", 10_000, 0, 99_999);
        var guidance = Arguments.Number("--guidance-scale", "Classifier-free guidance: 1 for none, more for pictures that are more like their class.", 0.0, 100, 1);
        var rows = Arguments.OptionalNumber("--rows", "Rows of the grid; as square as may be if not given.", 1, 10_000);
        var columns = Arguments.OptionalNumber("--columns", "Columns of the grid.", 1, 10_000);
        var grid = new Option<string>("--out") { Description = "The grid, a PNG.", HelpName = "FILE", DefaultValueFactory = _ => "grid.png" };
        var images = new Option<string?>("--images") { Description = "Also write each picture into this folder, as 0.png, 1.png, …", HelpName = "FOLDER" };
        var device = Arguments.Device();
        var threads = Arguments.Threads();
        var command = new Command("sample", "Draws pictures with a model.") { model, count, first, seed, labels, guidance, rows, columns, grid, images, device, threads };
        sampler.AddTo(command);
        command.SetAction(parsed =>
        {
            using var interruption = new Interruption();
            var layout = Layout(parsed.GetValue(count), parsed.GetValue(rows), parsed.GetValue(columns));
            using var loaded = DiffusionModel.Load(ModelPath.Find(parsed.GetRequiredValue(model)), SelectedDevice.From(parsed.GetValue(device)!, parsed.GetValue(threads)));
            var request = new SampleRequest
            {
                Count = parsed.GetValue(count),
                FirstImage = parsed.GetValue(first),
                Seed = (ulong)parsed.GetValue(seed),
                Sampler = sampler.From(parsed, loaded),
                ClassLabels = parsed.GetValue(labels)?.Split(',').Select(label => int.Parse(label, CultureInfo.InvariantCulture)).ToList(),
                GuidanceScale = parsed.GetValue(guidance),
                Threads = parsed.GetValue(threads),
            };
            CheckSize(layout, loaded.Side);
            var drawn = ProgressDisplay.Run("Drawing", display => loaded.Sample(request, new Reporter(display), interruption.Token));
            Write(drawn, layout, parsed.GetRequiredValue(grid), parsed.GetValue(images), request.FirstImage);
            return 0;
        });
        return command;
    }

    private static (int Rows, int Columns) Layout(int count, int? rows, int? columns)
    {
        try
        {
            return ImageGrid.LayoutFor(count, rows, columns);
        }
        catch (ArgumentException)
        {
            throw new UserErrorException($"--rows {rows} and --columns {columns} leave no room for --count {count} pictures.");
        }
    }

    private static void CheckSize((int Rows, int Columns) layout, int side)
    {
        try
        {
            ImageGrid.CheckSize(layout.Rows, layout.Columns, side, side);
        }
        catch (ArgumentException tooLarge)
        {
            throw new UserErrorException($"--rows, --columns: {tooLarge.Message}");
        }
    }

    private static void Write(PixelBatch drawn, (int Rows, int Columns) layout, string grid, string? folder, int first)
    {
        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            for (var n = 0; n < drawn.Count; n++)
                File.WriteAllBytes(Path.Combine(folder, $"{first + n}.png"), ImageGrid.EncodePng(drawn.Only(n), 1, 1));
        }

        if (Path.GetDirectoryName(Path.GetFullPath(grid)) is { } parent)
            Directory.CreateDirectory(parent);
        File.WriteAllBytes(grid, ImageGrid.EncodePng(drawn, layout.Rows, layout.Columns));
        Console.WriteLine($"{drawn.Count} pictures in {grid}");
    }

    private sealed class Reporter(ProgressDisplay display) : IProgress<SamplingProgress>
    {
        private readonly Lock _lock = new();

        public void Report(SamplingProgress value)
        {
            lock (_lock)
                display.Report(value.StepsDone, value.StepsTotal);
        }
    }
}
