using System.CommandLine;
using Ddpm.Cli.CommandLine;
using Ddpm.Cli.Hub;
using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;

namespace Ddpm.Cli.Models;

/// <summary><c>ddpm model import</c>: a diffusers folder from elsewhere in, a checked model folder out, or a model of a running server.</summary>
internal static class ModelImportCommand
{
    public static Command Create()
    {
        var source = new Argument<string>("SOURCE") { Description = "A diffusers folder with a UNet2DModel, a zip of one, or one of the Hugging Face hub: hub:OWNER/NAME or hub:OWNER/NAME@REVISION. Also as the first diffusers releases wrote them." };
        var hubUrl = HubAccess.Url();
        var target = new Option<string?>("--out") { Description = "Folder to write it to, in today's form: model_index.json, unet/ and scheduler/, float32 weights.", HelpName = "FOLDER" };
        var force = new Option<bool>("--force") { Description = "Replace the model in FOLDER." };
        var server = new Option<string?>("--server") { Description = $"Also, or instead, make it a model of the server there; {ModelServer.KeyVariable} in the environment is the key that it asks for.", HelpName = "URL" };
        var name = new Option<string?>("--name") { Description = "What the server is to call it: lower-case letters, digits, '.', '_' and '-'.", HelpName = "NAME" };
        var command = new Command("import", "Takes in a model from elsewhere: checks that every weight is there and fits, and writes it to a folder, or hands it to a server.")
        {
            source, target, force, server, name, hubUrl,
        };
        command.SetAction(parsed =>
        {
            using var interruption = new Interruption();
            var (folder, url) = (parsed.GetValue(target), parsed.GetValue(server));
            if (folder is null && url is null)
                throw new UserErrorException("--out or --server is missing: say where the model is to go.");
            if (url is null != parsed.GetValue(name) is null)
                throw new UserErrorException("--server and --name belong together: the one says where, the other what the model is to be called there.");
            var place = folder is null ? null : new ModelTarget(folder, parsed.GetValue(force));
            var registry = url is null ? null : new ModelServer(url);

            using var temporary = new TemporaryFolder();
            var model = Normalise(parsed.GetRequiredValue(source), parsed.GetValue(hubUrl), temporary, interruption.Token);
            place?.Write(partial => ModelFolder.Copy(model.Location, partial));
            if (folder is not null)
                Console.WriteLine($"{folder}: weights with SHA-256 {model.WeightsSha256()}");
            if (registry is not null)
                Console.WriteLine($"{registry.Register(model, parsed.GetValue(name)!, interruption.Token)}: weights with SHA-256 {model.WeightsSha256()}");
            return 0;
        });
        return command;
    }

    private static DiffusersFolder Normalise(string source, string? hubUrl, TemporaryFolder temporary, CancellationToken cancellationToken)
    {
        var found = DiffusersFolder.Open(ModelPath.FindOrUnpack(source, hubUrl, temporary, cancellationToken));
        found.RequireDrawable();
        TorchRuntime.Initialize();
        found.WriteNormalised(temporary.Below("normalised"));
        cancellationToken.ThrowIfCancellationRequested();
        return DiffusersFolder.Open(temporary.Below("normalised"));
    }
}
