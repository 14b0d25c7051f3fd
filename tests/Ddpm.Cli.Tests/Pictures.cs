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
}
