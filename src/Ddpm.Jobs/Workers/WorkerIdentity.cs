using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace Ddpm.Jobs.Workers;

/// <summary>The name under which a process holds leases: <c>machine:process:random</c>, so that no two processes ever share one.</summary>
public sealed class WorkerIdentity
{
    /// <summary>Makes the name of this process.</summary>
    public WorkerIdentity() => Name = string.Create(
        CultureInfo.InvariantCulture, $"{Environment.MachineName}:{Environment.ProcessId}:{RandomNumberGenerator.GetHexString(8, lowercase: true)}");

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>Whether <paramref name="owner"/> was a process of this machine, or of this program's only machine, that lives no more.</summary>
    /// <remarks>To be asked only where all processes share one machine. A foreign process that was given the same number makes the answer
    /// false, never wrongly true.</remarks>
    public bool IsGone(string owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        if (owner == Name)
            return false;

        // A container gets a new machine name, and often the same process number, at every start.
        var parts = owner.Split(':');
        if (parts.Length != 3 || parts[0] != Environment.MachineName || !int.TryParse(parts[1], CultureInfo.InvariantCulture, out var processId))
            return true;
        return processId == Environment.ProcessId || !IsAlive(processId);
    }

    private static bool IsAlive(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
