using System.CommandLine;

namespace Ddpm.Cli.CommandLine;

/// <summary>Stands in the help; the launcher does the work, since it must build the tests first.</summary>
internal static class TestCommand
{
    public static Command Create()
    {
        var part = new Argument<string?>("part")
        {
            Description = "all, unit (no process, no network), fixtures (the reference implementation's numbers), services or faults; fuzz [--cases N] [--seed N] [--from N]; faults --long [--kills N] [--seed N].",
            DefaultValueFactory = _ => "all",
        };
        var command = new Command("test", "Builds and runs the tests; the last line is 'N passed, N failed, N skipped'. By ./ddpm in the sources only.") { part };
        command.SetAction(int (_) => throw new UserErrorException("the tests are run from the sources, by the launcher: ./ddpm test"));
        return command;
    }
}
