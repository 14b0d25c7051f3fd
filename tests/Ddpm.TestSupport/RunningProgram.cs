using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Ddpm.TestSupport;

/// <summary>A program of ours that runs until it is stopped, and all that it printed.</summary>
/// <remarks>It ends with this object, and at the latest with the tests' own process.</remarks>
public sealed partial class RunningProgram : IAsyncDisposable
{
    private const int LinesShown = 150;
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);
    private static readonly ConcurrentDictionary<RunningProgram, Process> Alive = new();

    private readonly string _name;
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();

    static RunningProgram() => EndOfTests.Do(() => Alive.Keys, program => program._process.Kill());

    private RunningProgram(string name, Process process)
    {
        (_name, _process) = (name, process);
        Alive[this] = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Its number.</summary>
    public int ProcessId => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>What it printed, its errors included.</summary>
    public string Output => string.Join('\n', _output);

    /// <summary>Starts a .NET program.</summary>
    /// <param name="dll">Its path.</param>
    /// <param name="arguments">Its command line.</param>
    /// <param name="settings">Environment variables that it gets besides ours.</param>
    /// <param name="workingDirectory">Where it finds itself.</param>
    public static RunningProgram Start(
        string dll, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string>> settings, string workingDirectory)
    {
        // A shell makes what it puts into the background ignore SIGINT, and children inherit that: the tests may run so, the program must not.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", dll, .. arguments])
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (key, value) in settings)
            start.Environment[key] = value;
        return new RunningProgram(Path.GetFileNameWithoutExtension(dll), Process.Start(start)!);
    }

    /// <summary>Waits until it says where it listens.</summary>
    /// <returns>The first address that it listens on.</returns>
    /// <exception cref="InvalidOperationException">It ended instead; the message holds what it printed.</exception>
    public async Task<Uri> UntilListeningAsync()
    {
        await Eventually.BecomesTrueAsync($"{_name} listens", () => _process.HasExited || Address().IsMatch(Output), StartLimit);
        return Address().Match(Output) is { Success: true } match ? new Uri(match.Groups[1].Value) : throw new InvalidOperationException(Describe());
    }

    /// <summary>Ends it as <c>kill -9</c> or a crash would: it gets no chance to do anything.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Asks it to end and waits until it has.</summary>
    /// <param name="signal"><c>TERM</c>, or <c>INT</c> as Ctrl-C sends it.</param>
    /// <returns>Its exit status, and how long it took.</returns>
    public async Task<(int Status, TimeSpan Time)> SignalAsync(string signal)
    {
        var watch = Stopwatch.StartNew();
        await SendAsync(signal);
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        return (_process.ExitCode, watch.Elapsed);
    }

    /// <summary>Sends it a signal and goes on.</summary>
    /// <param name="signal"><c>STOP</c> and <c>CONT</c>, say.</param>
    public Task SendAsync(string signal) => Programs.RunAsync("kill", [$"-{signal}", _process.Id.ToString(CultureInfo.InvariantCulture)]);

    /// <summary>Its state and the end of its output, for the report of a failed test.</summary>
    public string Describe() =>
        $"── {_name} {(_process.HasExited ? $"ended with {_process.ExitCode}" : "runs")} ──\n{string.Join('\n', _output.TakeLast(LinesShown))}\n";

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        Alive.TryRemove(this, out _);
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is not null)
            _output.Enqueue(line);
    }

    [GeneratedRegex(@"(?:Ready|Now listening on): ""?(http://[^\s""]+)")]
    private static partial Regex Address();
}
