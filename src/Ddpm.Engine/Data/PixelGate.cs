namespace Ddpm.Engine.Data;

/// <summary>Bounds the pixels that are being decoded, or the bytes that are held to do so: small pictures side by side, a large one alone.</summary>
/// <param name="pixels">How many at once. A picture that has more waits until it is alone.</param>
internal sealed class PixelGate(long pixels)
{
    private readonly object _changed = new();
    private long _inside;

    /// <summary>Waits until there is room for a picture.</summary>
    /// <returns>Gives the room back when disposed.</returns>
    public IDisposable Enter(long picture)
    {
        lock (_changed)
        {
            while (_inside > 0 && _inside + picture > pixels)
                Monitor.Wait(_changed);
            _inside += picture;
        }
        return new Stay(this, picture);
    }

    private void Leave(long picture)
    {
        lock (_changed)
        {
            _inside -= picture;
            Monitor.PulseAll(_changed);
        }
    }

    private sealed class Stay(PixelGate gate, long picture) : IDisposable
    {
        public void Dispose() => gate.Leave(picture);
    }
}
