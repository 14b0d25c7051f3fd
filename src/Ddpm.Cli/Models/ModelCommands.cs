using System.CommandLine;

namespace Ddpm.Cli.Models;

/// <summary><c>ddpm model info</c>, <c>import</c> and <c>export</c>.</summary>
internal static class ModelCommands
{
    public static Command Create() => new("model", "Describes models, takes them in and hands them out.")
    {
        ModelInfoCommand.Create(),
        ModelImportCommand.Create(),
        ModelExportCommand.Create(),
    };
}
