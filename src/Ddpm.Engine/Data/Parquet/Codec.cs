using System.IO.Compression;
using Snappier;
using ZstdSharp;

namespace Ddpm.Engine.Data.Parquet;

/// <summary>How pages are compressed.</summary>
internal enum Codec
{
    Uncompressed,
    Snappy,
    Gzip,
    Lzo,
    Brotli,
    Lz4,
    Zstd,
    Lz4Raw,
}

/// <summary>Expands pages.</summary>
internal static class Codecs
{
    /// <summary>Expands a page to exactly the bytes that its header announces.</summary>
    /// <exception cref="ParquetDamageException">It is damaged, or compressed in a way that is not read.</exception>
    public static ReadOnlyMemory<byte> Expand(Codec codec, ReadOnlyMemory<byte> stored, int announced)
    {
        if (codec == Codec.Uncompressed)
            return stored.Length == announced ? stored : throw Damage();
        var expanded = GC.AllocateUninitializedArray<byte>(announced);
        try
        {
            var written = codec switch
            {
                Codec.Snappy => Snappy.GetUncompressedLength(stored.Span) == announced ? Snappy.Decompress(stored.Span, expanded) : throw Damage(),
                Codec.Zstd => Zstd(stored.Span, expanded),
                Codec.Gzip => Read(new GZipStream(Stream(stored), CompressionMode.Decompress), expanded),
                Codec.Brotli => Read(new BrotliStream(Stream(stored), CompressionMode.Decompress), expanded),
                _ => throw new ParquetDamageException($"is compressed with {codec.ToString().ToUpperInvariant()}; snappy, gzip, zstd and brotli are read"),
            };
            return written == announced ? expanded : throw Damage();
        }
        catch (Exception damage) when (damage is InvalidDataException or InvalidOperationException or ArgumentException or ZstdException)
        {
            throw Damage(damage);
        }
    }

    private static int Zstd(ReadOnlySpan<byte> stored, Span<byte> expanded)
    {
        using var decompressor = new Decompressor();
        return decompressor.Unwrap(stored, expanded);
    }

    private static int Read(Stream stream, byte[] expanded)
    {
        using (stream)
        {
            var read = stream.ReadAtLeast(expanded, expanded.Length, throwOnEndOfStream: false);
            return read == expanded.Length && stream.ReadByte() >= 0 ? throw Damage() : read;
        }
    }

    private static MemoryStream Stream(ReadOnlyMemory<byte> bytes) =>
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray(bytes, out var array) ? new MemoryStream(array.Array!, array.Offset, array.Count) : new MemoryStream(bytes.ToArray());

    private static ParquetDamageException Damage(Exception? cause = null) => new("is damaged: a page does not expand to what its header announces", cause);
}
