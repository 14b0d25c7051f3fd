namespace Ddpm.Engine;

/// <summary>Asks for room before it is written to: once for what is known beforehand, then a MiB at a time.</summary>
/// <param name="makeRoom">Told how many bytes more will be written; throws where they do not fit. Null for no such look.</param>
internal sealed class RoomAhead(Action<long>? makeRoom)
{
    private const long StepBytes = 1 << 20;

    private long _left;

    /// <summary>Whether there was too little. What was thrown then is the caller's own, and no fault of what is read.</summary>
    public bool HasRefused { get; private set; }

    /// <summary>Asks for so much.</summary>
    public void Ask(long bytes)
    {
        HasRefused = true;
        makeRoom?.Invoke(bytes);
        HasRefused = false;
        _left += bytes;
    }

    /// <summary>To be called before so much is written; asks where it is not there yet.</summary>
    public void Write(int bytes)
    {
        if (_left < bytes)
            Ask(Math.Max(StepBytes, bytes));
        _left -= bytes;
    }
}
