using Ddpm.TestSupport;

namespace Ddpm.Faults.Clusters;

/// <summary>A program of the service that is started again whenever it has ended, as a container's restart policy would.</summary>
internal sealed class Node(string name, string dll, Dictionary<string, string> settings, string folder) : IAsyncDisposable
{
    private readonly List<RunningProgram> _programs = [];

    /// <summary>What reports call it.</summary>
    public string Name => name;

    /// <summary>The process that runs now, or ran last.</summary>
    public int ProcessId => Program.ProcessId;

    /// <summary>Whether it is stopped by a signal: others leave it alone until it goes on.</summary>
    public bool IsFrozen { get; private set; }

    private RunningProgram Program => _programs[^1];

    public void Start() => _programs.Add(RunningProgram.Start(dll, [], settings, folder));

    public Task<Uri> UntilListeningAsync() => Program.UntilListeningAsync();

    public Task KillAsync() => Program.KillAsync();

    /// <summary>Sends SIGTERM and waits for the end.</summary>
    public Task<(int Status, TimeSpan Time)> TerminateAsync() => Program.SignalAsync("TERM");

    public async Task FreezeAsync()
    {
        IsFrozen = true;
        await Program.SendAsync("STOP");
    }

    public async Task ThawAsync()
    {
        await Program.SendAsync("CONT");
        IsFrozen = false;
    }

    /// <summary>Whether it ended though nobody ended it.</summary>
    public bool HasDied => Program.HasExited;

    /// <summary>All that its processes printed.</summary>
    public string Output => string.Join('\n', _programs.Select(program => program.Output));

    /// <summary>Whether its process has printed nothing so far.</summary>
    public bool HasPrintedNothing => Program.Output.Length == 0;

    public string Describe() => Program.Describe();

    public async ValueTask DisposeAsync()
    {
        foreach (var program in _programs)
            await program.DisposeAsync();
    }
}
