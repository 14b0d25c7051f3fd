namespace Ddpm.Engine.Data.Parquet;

/// <summary>Small numbers in runs of equal ones and in packs of eight: parquet's RLE/bit-packing hybrid, in which levels and places in a dictionary are written.</summary>
/// <remarks>https://parquet.apache.org/docs/file-format/data-pages/encodings/#run-length-encoding--bit-packing-hybrid-rle--3</remarks>
/// <param name="bytes">The runs.</param>
/// <param name="bitWidth">Bits of a number, 0 to 32. With 0 every number is 0 and there are no bytes.</param>
internal sealed class HybridDecoder(ReadOnlyMemory<byte> bytes, int bitWidth)
{
    private int _position;
    private long _left; // of the run
    private bool _isPacked;
    private long _bit; // where the next number of a pack begins
    private int _value; // of a run of equal numbers

    /// <exception cref="ParquetDamageException">There are no more.</exception>
    public int Next()
    {
        if (bitWidth == 0)
            return 0;
        while (_left == 0)
            BeginRun();
        _left--;
        if (!_isPacked)
            return _value;
        var value = Bits(_bit);
        _bit += bitWidth;
        return value;
    }

    private void BeginRun()
    {
        var head = Varint();
        _isPacked = (head & 1) == 1;
        if (_isPacked)
        {
            // The last pack may lack the bytes that only pad it; reaching for a number in them is noticed.
            _left = (long)(head >> 1) * 8;
            _bit = 8L * _position;
            _position = (int)Math.Min(bytes.Length, _position + (long)(head >> 1) * bitWidth);
            return;
        }
        _left = head >> 1;
        _bit = 8L * _position;
        _position += (bitWidth + 7) / 8;
        _value = Bits(_bit);
    }

    // From the least significant bit on.
    private int Bits(long from)
    {
        var (first, shift) = Math.DivRem(from, 8);
        if ((from + bitWidth + 7) / 8 > bytes.Length)
            throw Damage();
        var window = 0UL;
        var span = bytes.Span[(int)first..];
        for (var n = 0; n < Math.Min(5, span.Length); n++)
            window |= (ulong)span[n] << (8 * n);
        return (int)((window >> (int)shift) & ((1UL << bitWidth) - 1));
    }

    private uint Varint()
    {
        uint value = 0;
        for (var shift = 0; shift < 35; shift += 7)
        {
            if (_position >= bytes.Length)
                throw Damage();
            var next = bytes.Span[_position++];
            value |= (uint)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }
        throw Damage();
    }

    private static ParquetDamageException Damage() => new("is damaged: a page holds fewer values than its header announces");
}
