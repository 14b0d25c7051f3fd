using System.Globalization;
using Ddpm.Cli.CommandLine;

namespace Ddpm.Cli.Bench;

/// <summary>Memory of other processes (Linux).</summary>
internal static class ProcessMemory
{
    /// <summary>VmRSS: what a process has in memory, mapped files included.</summary>
    /// <exception cref="UserErrorException">There is no such process.</exception>
    public static long ResidentBytes(int process)
    {
        var status = $"/proc/{process}/status";
        if (!File.Exists(status))
            throw new UserErrorException($"There is no process {process} on this machine.");
        var line = File.ReadLines(status).First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line["VmRSS:".Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) * 1024;
    }
}
