using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>How a denoising loop shares its device with training runs of this process: while one trains there, the loop rests half as long again as its calls took.
/// So training has more than half of the device's time to itself, and shares the rest with the calls as the system sees fit.</summary>
/// <remarks>It rests for many short calls at once: a training step is hundreds of operations of which each waits for all its threads, so that short breaks are of little
/// use to it. A request still begins within one call and one rest. Safe from several threads.</remarks>
internal sealed class TrainingBreaks(Device device)
{
    private const double RestOfCall = 1.5;
    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private TimeSpan _owed;

    /// <summary>A call has been made.</summary>
    /// <param name="call">How long it took.</param>
    /// <returns>How long to rest now.</returns>
    public TimeSpan After(TimeSpan call)
    {
        lock (_lock)
        {
            _owed = DeviceUse.IsTrainedOn(device) ? _owed + (call * RestOfCall) : TimeSpan.Zero;
            if (_owed < ShortestRest)
                return TimeSpan.Zero;
            var rest = _owed < LongestRest ? _owed : LongestRest;
            _owed = TimeSpan.Zero;
            return rest;
        }
    }
}
