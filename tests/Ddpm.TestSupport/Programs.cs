using System.Diagnostics;

namespace Ddpm.TestSupport;

/// <summary>Runs other programs to their end.</summary>
public static class Programs
{
    /// <summary>Runs a program and returns what it printed.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message holds what it printed.</exception>
    /// <remarks>Output goes through a file: a server that the program leaves behind would keep a pipe open.</remarks>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, string? workingDirectory = null)
    {
        var output = Path.GetTempFileName();
        try
        {
            var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = workingDirectory ?? "" };
            foreach (var argument in (IEnumerable<string>)["-c", "out=$1; shift; exec \"$@\" >\"$out\" 2>&1 </dev/null", "sh", output, program, .. arguments])
                start.ArgumentList.Add(argument);
            using var process = Process.Start(start)!;
            await process.WaitForExitAsync();
            var printed = await File.ReadAllTextAsync(output);
            return process.ExitCode == 0 ? printed : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {printed}");
        }
        finally
        {
            File.Delete(output);
        }
    }
}
