namespace Ddpm.TestSupport;

/// <summary>A clock that shows another time of day, and on which time may pass at a word.</summary>
public sealed class ShiftedClock : TimeProvider
{
    private DateTimeOffset? _stoppedAt;

    /// <summary>How far it is ahead; what it measures passes as ever.</summary>
    public TimeSpan Shift { get; set; }

    /// <summary>What is to have passed beside the time that does.</summary>
    public TimeSpan Passed { get; set; }

    /// <summary>What passes while somebody is told the time of day: it is an old one when they hear it.</summary>
    public TimeSpan PassesAtEachLook { get; set; }

    public override DateTimeOffset GetUtcNow()
    {
        var now = (_stoppedAt ?? base.GetUtcNow()) + Shift + Passed;
        Passed += PassesAtEachLook;
        return now;
    }

    /// <summary>Whether no time passes but what <see cref="Passed"/> says.</summary>
    public bool IsStopped
    {
        get => _stoppedAt is not null;
        set => _stoppedAt = value ? base.GetUtcNow() : null;
    }

    public override long GetTimestamp() => (IsStopped ? 0 : base.GetTimestamp()) + (long)(Passed.TotalSeconds * TimestampFrequency);
}
