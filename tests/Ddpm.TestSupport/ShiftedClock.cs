namespace Ddpm.TestSupport;

/// <summary>A clock that shows another time of day; what it measures passes as ever.</summary>
public sealed class ShiftedClock : TimeProvider
{
    /// <summary>How far it is ahead.</summary>
    public TimeSpan Shift { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Shift;
}
