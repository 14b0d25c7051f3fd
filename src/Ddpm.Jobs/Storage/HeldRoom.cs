namespace Ddpm.Jobs.Storage;

/// <summary>Room on the disk that is held for something until it is disposed. For one thread.</summary>
public sealed class HeldRoom : IDisposable
{
    private readonly Action<long> _look;
    private readonly Action<long> _hold;
    private long _bytes;

    internal HeldRoom(Action<long> look, Action<long> hold) => (_look, _hold) = (look, hold);

    /// <summary>Asks for so much more.</summary>
    /// <exception cref="DiskFullException">There is not so much.</exception>
    public void Require(long bytes)
    {
        _look(bytes);
        _hold(bytes);
        _bytes += bytes;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _hold(-_bytes);
        _bytes = 0;
    }
}
