using System.CommandLine;
using System.Text.Json;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Checkpoints;

namespace Ddpm.Cli.Models;

/// <summary><c>ddpm model info</c>.</summary>
internal static class ModelInfoCommand
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Create()
    {
        var model = new Argument<string>("MODEL")
        {
            Description = "A diffusers folder, such as model/ or a checkpoint of a training run, a zip of one, or the name of a model that comes with Ddpm.",
        };
        var json = new Option<bool>("--json") { Description = "Write JSON, for programs." };
        var command = new Command("info", "Says what a model is: its network, its noise schedule, its weights, and how far training was.") { model, json };
        command.SetAction(parsed =>
        {
            using var interruption = new Interruption();
            using var temporary = new TemporaryFolder();
            var asked = parsed.GetRequiredValue(model);
            var folder = DiffusersFolder.Open(ModelPath.FindOrUnpack(asked, temporary, interruption.Token));
            var description = ModelDescription.Of(folder, Path.GetFullPath(File.Exists(asked) ? asked : folder.Location));
            Console.WriteLine(parsed.GetValue(json) ? JsonSerializer.Serialize(description, Json) : ModelTable.Of(description, folder));
            return 0;
        });
        return command;
    }
}
