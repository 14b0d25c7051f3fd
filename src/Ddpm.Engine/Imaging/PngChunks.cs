using System.Buffers.Binary;

namespace Ddpm.Engine.Imaging;

/// <summary>Leaves out of a PNG what is large and no pixels: texts, profiles and the like. The decoder collects such a chunk four kilobytes at a time, and
/// copies all it has each time: 20 MB take it a minute, and 64 MB ten.</summary>
internal static class PngChunks
{
    private const int Large = 1 << 16;
    private const int AroundContent = 12; // length, type; checksum

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <returns>The same bytes where there is no such chunk, or no PNG.</returns>
    public static ReadOnlySpan<byte> WithoutLargeOnes(ReadOnlySpan<byte> content)
    {
        if (!content.StartsWith(Signature))
            return content;
        MemoryStream? kept = null;
        for (var at = Signature.Length; at < content.Length;)
        {
            var left = content.Length - at;
            var length = left < AroundContent ? left : (int)Math.Min(left, BinaryPrimitives.ReadUInt32BigEndian(content[at..]) + (long)AroundContent);
            if (length > Large + AroundContent && !content[(at + 4)..].StartsWith("IDAT"u8))
            {
                if (kept is null)
                {
                    kept = new MemoryStream();
                    kept.Write(content[..at]);
                }
            }
            else
            {
                kept?.Write(content.Slice(at, length));
            }
            at += length;
        }
        return kept is null ? content : kept.GetBuffer().AsSpan(0, (int)kept.Length);
    }
}
