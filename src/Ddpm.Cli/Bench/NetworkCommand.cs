using System.CommandLine;
using Ddpm.Cli.CommandLine;

namespace Ddpm.Cli.Bench;

/// <summary><c>ddpm bench network</c>: a network to measure, as a folder that others can read too.</summary>
internal static class NetworkCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("NAME") { Description = string.Join(", ", NamedNetwork.Names) };
        name.AcceptOnlyFromAmong([.. NamedNetwork.Names]);
        var folder = new Option<string>("--out") { Description = "Folder to write.", HelpName = "FOLDER", Required = true };
        var seed = Arguments.Number("--seed", "Decides the weights.", 0L, int.MaxValue, 0);
        var command = new Command("network", "Writes a diffusers folder with random weights, for eng/trace-diffusers.") { name, folder, seed };
        command.SetAction(parsed =>
        {
            var target = Path.GetFullPath(parsed.GetRequiredValue(folder));
            NamedNetwork.Write(parsed.GetRequiredValue(name), target, parsed.GetValue(seed));
            Console.WriteLine(target);
            return 0;
        });
        return command;
    }
}
