using System.CommandLine;
using System.Text.Json;
using Ddpm.Cli.CommandLine;
using Ddpm.Cli.Hub;
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
            Description = "A diffusers folder, such as model/ or a checkpoint of a training run, a zip of one, the name of a model that comes with Ddpm, or one of the Hugging Face hub: hub:OWNER/NAME.",
        };
        var hubUrl = HubAccess.Url();
        var json = new Option<bool>("--json") { Description = "Write JSON, for programs." };
        var command = new Command("info", "Says what a model is: its network, its noise schedule, its weights, and how far training was.") { model, json, hubUrl };
        command.SetAction(parsed =>
        {
            using var interruption = new Interruption();
            using var temporary = new TemporaryFolder();
            var asked = parsed.GetRequiredValue(model);
            var folder = DiffusersFolder.Open(ModelPath.FindOrUnpack(asked, parsed.GetValue(hubUrl), temporary, interruption.Token));
            var description = ModelDescription.Of(folder, HubAccess.IsMeant(asked) ? asked : Path.GetFullPath(Path.Exists(asked) ? asked : folder.Location));
            Console.WriteLine(parsed.GetValue(json) ? JsonSerializer.Serialize(description, Json) : ModelTable.Of(description, folder));
            return 0;
        });
        return command;
    }
}
