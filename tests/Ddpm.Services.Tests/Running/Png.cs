using System.Buffers.Binary;

namespace Ddpm.Services.Tests.Running;

/// <summary>Reads just enough of a PNG to know its size.</summary>
internal static class Png
{
    private static readonly byte[] Signature = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    /// <summary>Width and height in pixels, which the header chunk begins with.</summary>
    public static (int Width, int Height) SizeOf(byte[] png)
    {
        Assert.Equal(Signature, png[..8]);
        Assert.Equal("IHDR"u8, png.AsSpan(12, 4));
        return (BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20)));
    }
}
