using System.Globalization;

namespace Ddpm.Engine;

/// <summary>The most memory that this process can have.</summary>
/// <remarks>In a container the runtime gives three quarters of the container's limit, which is what managed objects may take; libtorch's tensors may take all of it.</remarks>
public static class MachineMemory
{
    /// <summary>Bytes: of the machine, without what it swaps to disk, or of the process's control group (a container's) where that is given less.</summary>
    public static long Bytes => Read("/") ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>As Linux says it below a folder that has <c>proc</c> and <c>sys</c>; null where it does not say.</summary>
    internal static long? Read(string root)
    {
        try
        {
            const string Label = "MemTotal:";
            var total = File.ReadLines(Path.Combine(root, "proc/meminfo")).First(line => line.StartsWith(Label, StringComparison.Ordinal));
            return Groups(root).Prepend(Number(total[Label.Length..^2]) * 1024).Min(); // in kB
        }
        catch (Exception reason) when (reason is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            return null;
        }
    }

    // Lines are ID:CONTROLLERS:PATH; controllers are empty in version 2. A group is limited by those above it, too.
    private static IEnumerable<long?> Groups(string root)
    {
        foreach (var parts in File.ReadLines(Path.Combine(root, "proc/self/cgroup")).Select(line => line.Split(':', 3)).Where(parts => parts is [_, "" or "memory", _]))
        {
            var (mount, file) = parts[1].Length == 0 ? ("sys/fs/cgroup", "memory.max") : ("sys/fs/cgroup/memory", "memory.limit_in_bytes");
            for (var group = parts[2]; ; group = group[..Math.Max(group.LastIndexOf('/'), 0)])
            {
                var path = Path.Combine(root, mount, group.TrimStart('/'), file);
                if (File.Exists(path) && Number(File.ReadAllText(path)) is { } limit)
                    yield return limit;
                if (group.Length == 0)
                    break;
            }
        }
    }

    // A group without a limit says "max", or in version 1 a number beyond every machine's.
    private static long? Number(string text) => long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
