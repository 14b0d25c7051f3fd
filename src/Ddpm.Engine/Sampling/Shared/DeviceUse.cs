using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>Which devices of this process training runs are on, so that sampling can make way there: <see cref="TrainingBreaks"/>.</summary>
internal static class DeviceUse
{
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
