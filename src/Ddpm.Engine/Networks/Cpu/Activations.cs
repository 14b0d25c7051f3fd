namespace Ddpm.Engine.Networks.Cpu;

/// <summary>What the pictures of a batch are inside the network: channels last, <c>[batch, height, width, channels]</c>, float32.</summary>
/// <param name="Data">Borrowed from a <see cref="Workspace"/>.</param>
/// <param name="Channels">A multiple of 16.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
internal readonly unsafe record struct Activations(nint Data, int Channels, int Height, int Width)
{
    /// <summary>Floats of a picture.</summary>
    public int PictureSize => Height * Width * Channels;

    /// <summary>Pixels of a picture.</summary>
    public int Pixels => Height * Width;

    /// <summary>The first float of a picture.</summary>
    public float* Of(int picture) => (float*)Data + ((long)picture * PictureSize);
}

/// <summary>One or two activations of one size that count as one, channel after channel: the way up joins its skips without copying them.</summary>
/// <param name="First">The first channels.</param>
/// <param name="Second">The others; null for none.</param>
internal readonly record struct Joined(Activations First, Activations? Second = null)
{
    /// <summary>Of both.</summary>
    public int Channels => First.Channels + (Second?.Channels ?? 0);

    /// <summary>Rows.</summary>
    public int Height => First.Height;

    /// <summary>Columns.</summary>
    public int Width => First.Width;

    /// <summary>How many there are.</summary>
    public int Count => Second is null ? 1 : 2;

    /// <summary>One of them, and its first channel in the whole.</summary>
    public (Activations Part, int FirstChannel) this[int part] => part == 0 ? (First, 0) : (Second!.Value, First.Channels);
}
