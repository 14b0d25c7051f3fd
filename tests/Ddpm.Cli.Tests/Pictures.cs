using System.Buffers.Binary;

namespace Ddpm.Cli.Tests;

internal static class Pictures
{
    /// <summary>Width and height as the PNG's header says.</summary>
    public static (int Width, int Height) SizeOf(string file)
    {
        var head = File.ReadAllBytes(file).AsSpan();
        Assert.True(head[1..].StartsWith("PNG"u8));
        return (BinaryPrimitives.ReadInt32BigEndian(head[16..]), BinaryPrimitives.ReadInt32BigEndian(head[20..]));
    }

    /// <summary>How often a chunk of that name stands in a WebP.</summary>
    public static int CountOf(ReadOnlySpan<byte> webp, ReadOnlySpan<byte> chunk)
    {
        var count = 0;
        for (var at = 12; at < webp.Length; at += 8 + ((BinaryPrimitives.ReadInt32LittleEndian(webp[(at + 4)..]) + 1) & ~1))
            count += webp[at..].StartsWith(chunk) ? 1 : 0;
        return count;
    }
}
