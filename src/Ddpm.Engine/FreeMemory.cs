using System.Globalization;
using static TorchSharp.torch;

namespace Ddpm.Engine;

/// <summary>What memory can still be had.</summary>
internal static class FreeMemory
{
    /// <summary>Bytes free on a device; null where that cannot be asked.</summary>
    public static long? On(Device device) => device.type == TorchSharp.DeviceType.CPU ? OnHost() : null;

    /// <summary>Bytes that this process can still take: below its container's limit, if it has one, and below what the machine has left.</summary>
    public static long OnHost()
    {
        var allowed = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet;
        return Math.Max(Math.Min(allowed, AvailableOnLinux() ?? long.MaxValue), 0);
    }

    private static long? AvailableOnLinux()
    {
        try
        {
            const string Label = "MemAvailable:";
            var line = OperatingSystem.IsLinux() ? File.ReadLines("/proc/meminfo").FirstOrDefault(line => line.StartsWith(Label, StringComparison.Ordinal)) : null;
            return line is null ? null : long.Parse(line[Label.Length..^2].Trim(), CultureInfo.InvariantCulture) * 1024; // in kB
        }
        catch (Exception reason) when (reason is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
