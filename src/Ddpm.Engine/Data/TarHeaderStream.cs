namespace Ddpm.Engine.Data;

/// <summary>A tar of which only headers are read: whoever lists it seeks over the files. An extended header, which is read as a whole, is bounded:
/// it could claim gigabytes, and compressed they would be nothing.</summary>
/// <param name="file">Borrowed.</param>
internal sealed class TarHeaderStream(FileStream file) : Stream
{
    private const int MaxHeaderBytes = 1 << 20;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => file.Length;

    public override long Position
    {
        get => file.Position;
        set => file.Position = value;
    }

    public override int Read(Span<byte> buffer) =>
        buffer.Length <= MaxHeaderBytes ? file.Read(buffer) : throw new InvalidDataException($"an entry has a header of more than {MaxHeaderBytes:N0} bytes.");

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override long Seek(long offset, SeekOrigin origin) => file.Seek(offset, origin);

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
