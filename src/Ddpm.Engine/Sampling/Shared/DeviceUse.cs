using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>How sampling and training of this process share a device: while a run trains there, a denoising loop rests after each call as long as the call
/// took. So it has half of the device's time at most, training goes at least half as fast as alone, and a call is never more than one rest away.</summary>
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
            return Trainings.GetValueOrDefault((device.type, device.index)) > 0;
    }

    /// <summary>Rests where a run trains there; otherwise returns at once.</summary>
    /// <param name="call">How long the last call took.</param>
    /// <param name="device">Where.</param>
    public static void RestAfter(TimeSpan call, Device device)
    {
        if (IsTrainedOn(device))
            Thread.Sleep(call < LongestRest ? call : LongestRest);
    }

    private static void Add(Device device, int runs)
    {
        lock (Trainings)
            Trainings[(device.type, device.index)] = Trainings.GetValueOrDefault((device.type, device.index)) + runs;
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
