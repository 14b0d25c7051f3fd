using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>How sampling and training of this process share a device: while a run trains there, a denoising loop rests after each call as long as the call
/// took, up to a limit. So with calls that are no longer than that it has half of the device's time at most, and a call is never more than one rest away.</summary>
internal static class DeviceUse
{
    private static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(250);
    private static readonly Dictionary<(DeviceType, int), int> Trainings = [];

    /// <summary>A run trains there until this is disposed.</summary>
    public static IDisposable Train(Device device)
    {
        Add(device, 1);
        return new Training(device);
    }

    /// <summary>Whether a run trains there.</summary>
    public static bool IsTrainedOn(Device device)
    {
        lock (Trainings)
            return Trainings.GetValueOrDefault(KeyOf(device)) > 0;
    }

    /// <summary>Rests where a run trains there; otherwise returns at once.</summary>
    /// <param name="call">How long the last call took.</param>
    /// <param name="device">Where.</param>
    public static void RestAfter(TimeSpan call, Device device)
    {
        if (IsTrainedOn(device))
            Thread.Sleep(call < LongestRest ? call : LongestRest);
    }

    // Without an index it is the first.
    private static (DeviceType Type, int Index) KeyOf(Device device) => (device.type, Math.Max(device.index, 0));

    private static void Add(Device device, int runs)
    {
        lock (Trainings)
            Trainings[KeyOf(device)] = Trainings.GetValueOrDefault(KeyOf(device)) + runs;
    }

    private sealed class Training(Device device) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
                Add(device, -1);
        }
    }
}
