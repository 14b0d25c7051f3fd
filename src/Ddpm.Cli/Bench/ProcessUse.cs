using System.Globalization;
using Ddpm.Cli.CommandLine;

namespace Ddpm.Cli.Bench;

/// <summary>Memory and processor time of other processes (Linux).</summary>
internal static class ProcessUse
{
    /// <summary>VmRSS: what a process has in memory, mapped files included.</summary>
    /// <exception cref="UserErrorException">There is no such process.</exception>
    public static long ResidentBytes(int process)
    {
        var line = File.ReadLines(FileOf(process, "status")).First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line["VmRSS:".Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>Seconds of processor time that it has used, of all its threads.</summary>
    /// <exception cref="UserErrorException">There is no such process.</exception>
    public static double ProcessorSeconds(int process)
    {
        // Fields 14 and 15, in hundredths of a second; the second is a name in parentheses, which may hold spaces.
        var fields = File.ReadAllText(FileOf(process, "stat")).Split(") ").Last().Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / 100.0;
    }

    private static string FileOf(int process, string name) => $"/proc/{process}/{name}" is var file && File.Exists(file)
        ? file
        : throw new UserErrorException($"There is no process {process} on this machine.");
}
