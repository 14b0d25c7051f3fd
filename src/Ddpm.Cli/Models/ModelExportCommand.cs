using System.CommandLine;
using System.IO.Compression;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using static TorchSharp.torch;

namespace Ddpm.Cli.Models;

/// <summary><c>ddpm model export</c>: a model or checkpoint in, what diffusers loads out.</summary>
internal static class ModelExportCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("MODEL") { Description = "A diffusers folder, such as model/ or a checkpoint of a training run, or the name of a model that comes with Ddpm." };
        var target = new Option<string>("--out") { Description = "What to write: a zip if the name ends in .zip, else a folder.", HelpName = "FILE.zip|FOLDER", Required = true };
        var force = new Option<bool>("--force") { Description = "Replace what is there, if it is a file or a model." };
        var command = new Command("export", "Writes a model as diffusers loads it: model_index.json, unet/ and scheduler/, without what only training needs.") { model, target, force };
        command.SetAction(parsed =>
        {
            using var interruption = new Interruption();
            var path = parsed.GetRequiredValue(target);
            var place = new ModelTarget(path, parsed.GetValue(force));
            var source = DiffusersFolder.Open(ModelPath.Find(parsed.GetRequiredValue(model)));
            var sha256 = "";
            place.Write(partial =>
            {
                sha256 = path.EndsWith(".zip", StringComparison.OrdinalIgnoreCase) ? Zip(source, partial) : Copy(source, partial);
                interruption.Token.ThrowIfCancellationRequested();
            });
            Console.WriteLine($"{path}: weights with SHA-256 {sha256}");
            return 0;
        });
        return command;
    }

    // Checks every weight first; a folder of the first diffusers releases is brought to today's form.
    private static string Copy(DiffusersFolder source, string target)
    {
        TorchRuntime.Initialize();
        if (DiffusersFolder.IsWhole(source.Location))
        {
            source.LoadNetwork(CPU).Dispose();
            ModelFolder.Copy(source.Location, target);
        }
        else
        {
            source.WriteNormalised(target);
        }

        return DiffusersFolder.Open(target).WeightsSha256();
    }

    private static string Zip(DiffusersFolder source, string file)
    {
        using var temporary = new TemporaryFolder();
        var folder = temporary.Below("model");
        var sha256 = Copy(source, folder);
        ZipFile.CreateFromDirectory(folder, file, CompressionLevel.NoCompression, includeBaseDirectory: false); // weights do not get smaller
        return sha256;
    }
}
