using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Ddpm.Engine.Data.Parquet;

/// <summary>An open parquet file.</summary>
/// <remarks>
/// Written here because the managed readers trust their input: a cut or crafted header makes them loop forever or allocate what it asks for.
/// Only what pictures and their labels need is read, one page at a time: https://parquet.apache.org/docs/file-format.
/// </remarks>
internal sealed class ParquetFile : IDisposable
{
    private const int TailBytes = 8; // length of the footer, magic
    private const int MaxFooterBytes = 16 << 20; // parsed it takes many times as much

    private readonly SafeFileHandle _handle;
    private readonly long _dataEnd;

    private ParquetFile(SafeFileHandle handle, ParquetFooter footer, long dataEnd) => (_handle, Footer, _dataEnd) = (handle, footer, dataEnd);

    /// <summary>What it says of itself.</summary>
    public ParquetFooter Footer { get; }

    /// <summary>Rows of all groups.</summary>
    public long Rows => Footer.RowGroups.Sum(group => group.Rows);

    private static ReadOnlySpan<byte> Magic => "PAR1"u8;

    private static ReadOnlySpan<byte> EncryptedMagic => "PARE"u8;

    /// <summary>Whether a file begins as parquet does.</summary>
    public static bool IsOne(string path)
    {
        Span<byte> start = stackalloc byte[4];
        using var file = File.OpenRead(path);
        return file.ReadAtLeast(start, 4, throwOnEndOfStream: false) == 4 && (start.SequenceEqual(Magic) || start.SequenceEqual(EncryptedMagic));
    }

    /// <exception cref="ParquetDamageException">It is no parquet file, or damaged.</exception>
    public static ParquetFile Open(string path)
    {
        var handle = File.OpenHandle(path);
        try
        {
            var length = RandomAccess.GetLength(handle);
            Span<byte> ends = stackalloc byte[Magic.Length + TailBytes];
            if (length < ends.Length || RandomAccess.Read(handle, ends[..4], 0) < 4 || RandomAccess.Read(handle, ends[4..], length - TailBytes) < TailBytes)
                throw new ParquetDamageException("is no parquet file: it is too short");
            if (ends[..4].SequenceEqual(EncryptedMagic) || ends[8..].SequenceEqual(EncryptedMagic))
                throw new ParquetDamageException("is encrypted");
            if (!ends[..4].SequenceEqual(Magic))
                throw new ParquetDamageException("is no parquet file: it does not begin with PAR1");
            if (!ends[8..].SequenceEqual(Magic))
                throw new ParquetDamageException("is cut short: it does not end with PAR1");

            var footerBytes = BinaryPrimitives.ReadUInt32LittleEndian(ends[4..]);
            var dataEnd = length - TailBytes - footerBytes;
            if (footerBytes > MaxFooterBytes || dataEnd < Magic.Length)
                throw new ParquetDamageException($"is damaged: it claims a footer of {footerBytes:N0} bytes");
            var footer = new byte[footerBytes];
            for (var done = 0; done < footer.Length;)
            {
                var read = RandomAccess.Read(handle, footer.AsSpan(done), dataEnd + done);
                done += read > 0 ? read : throw new ParquetDamageException("is cut short");
            }
            return new ParquetFile(handle, ParquetFooter.Parse(footer), dataEnd);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Reads the values of a column for the rows of a group.</summary>
    /// <param name="group">One of the footer's.</param>
    /// <param name="column">One of the footer's.</param>
    /// <param name="maxPageBytes">Larger pages are refused.</param>
    /// <exception cref="ParquetDamageException">The column does not lie where the footer says.</exception>
    public ColumnReader Read(RowGroup group, ParquetColumn column, long maxPageBytes)
    {
        var chunk = group.Chunks.FirstOrDefault(chunk => chunk.Path == column.Path) ?? throw Damage("is missing in a row group");
        if (chunk.IsEncrypted)
            throw new ParquetDamageException($"has an encrypted column, {column.Path}");
        if (chunk.File is not null)
            throw new ParquetDamageException($"keeps its column {column.Path} in another file, {chunk.File}");
        if (chunk.Values != group.Rows)
            throw Damage($"has {chunk.Values} values for {group.Rows} rows");
        if (chunk.Start < Magic.Length || chunk.Bytes < 0 || chunk.Bytes > _dataEnd - chunk.Start)
            throw Damage("lies outside of the file");
        return new ColumnReader(new PageReader(_handle, chunk, maxPageBytes), column);

        ParquetDamageException Damage(string what) => new($"is damaged: its column {column.Path} {what}");
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
