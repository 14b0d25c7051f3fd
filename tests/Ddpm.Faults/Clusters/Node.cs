using System.Globalization;
using Ddpm.TestSupport;

namespace Ddpm.Faults.Clusters;

/// <summary>A program of the service that is started again whenever it has ended, as a container's restart policy would.</summary>
/// <param name="name">What reports call it.</param>
/// <param name="dll">The program.</param>
/// <param name="settings">Its environment.</param>
/// <param name="folder">Where it finds itself.</param>
/// <param name="clock">The time of day that it sees.</param>
internal sealed class Node(string name, string dll, Dictionary<string, string> settings, string folder, WallClock clock) : IAsyncDisposable
{
    private readonly List<RunningProgram> _programs = [];

    /// <summary>What reports call it.</summary>
    public string Name => name;

    /// <summary>The time of day that it sees.</summary>
    public WallClock Clock => clock;

    /// <summary>The process that runs now, or ran last.</summary>
    public int ProcessId => Program.ProcessId;

    /// <summary>Whether the owner of a job, as its row names it, is the process that runs now, or ran last.</summary>
    public bool IsOwner(string owner) => owner.Split(':')[1] == ProcessId.ToString(CultureInfo.InvariantCulture);

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
