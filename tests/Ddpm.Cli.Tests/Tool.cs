using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Ddpm.Cli.Tests;

/// <summary><c>ddpm</c> as a process, started with words and read to its end.</summary>
internal sealed class Tool : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();

    private Tool(string folder, string[] arguments)
    {
        // A shell that runs the tests in the background has them, and so this, ignore Ctrl-C.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "ddpm.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
            Environment = { ["XDG_CACHE_HOME"] = Path.Combine(folder, ".cache") },
        };
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Keep(_output, line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(_errors, line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public bool HasEnded => _process.HasExited;

    public string Output => Text(_output);

    public string Errors => Text(_errors);

    public static Tool Start(string folder, params string[] arguments) => new(folder, arguments);

    public static ToolResult Run(string folder, params string[] arguments)
    {
        using var tool = new Tool(folder, arguments);
        return tool.WaitForEnd();
    }

    /// <summary>Runs it and returns what it printed.</summary>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public static string Do(string folder, params string[] arguments)
    {
        var (status, output, errors) = Run(folder, arguments);
        return status == 0 ? output : throw new InvalidOperationException($"ddpm {string.Join(' ', arguments)} ended with {status}: {errors}");
    }

    /// <summary>Ctrl-C.</summary>
    public void Interrupt()
    {
        using var kill = Process.Start("kill", ["-INT", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary><c>kill -9</c>: it gets no chance to do anything.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public ToolResult WaitForEnd()
    {
        if (!_process.WaitForExit(Limit))
            throw new TimeoutException($"ddpm did not end in {Limit}. It said: {Output}{Errors}");
        _process.WaitForExit(); // also for what it printed last
        return new(_process.ExitCode, Output, Errors);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private static void Keep(StringBuilder text, string? line)
    {
        lock (text)
            if (line is not null)
                text.Append(line).Append('\n');
    }

    private static string Text(StringBuilder text)
    {
        lock (text)
            return text.ToString();
    }
}

internal sealed record ToolResult(int Status, string Output, string Errors);
