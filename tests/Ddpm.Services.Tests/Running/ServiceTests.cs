using Ddpm.TestSupport;

namespace Ddpm.Services.Tests.Running;

/// <summary>Tests with programs of their own, which end with the test; one that fails shows what they printed.</summary>
public abstract class ServiceTests : IAsyncDisposable
{
    private readonly List<RunningProgram> _programs = [];

    protected TemporaryFolder Folder { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await EndAsync(_programs);
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the programs of a test; shows their output where it has failed.</summary>
    internal static async Task EndAsync(IEnumerable<RunningProgram> programs)
    {
        foreach (var program in programs)
        {
            if (TestContext.Current.TestState?.Result == TestResult.Failed)
                TestContext.Current.TestOutputHelper?.WriteLine(program.Describe());
            await program.DisposeAsync();
        }
    }

    protected RunningProgram Start(string dll, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string>> settings)
    {
        var program = RunningProgram.Start(dll, arguments, settings, Folder.Path);
        _programs.Add(program);
        return program;
    }
}
