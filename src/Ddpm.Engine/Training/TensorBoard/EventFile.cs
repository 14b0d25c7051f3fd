using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Ddpm.Engine.Training.TensorBoard;

/// <summary>A file of events as TensorBoard reads it: <c>tensorflow.Event</c> messages (event.proto, summary.proto) in TFRecord frames.</summary>
/// <remarks>A frame is the length of the data (u64), its masked CRC-32C (u32), the data, and the data's masked CRC-32C; all little-endian. Each event reaches the
/// operating system before the call that writes it returns.</remarks>
public sealed class EventFile : IDisposable
{
    private static int _files; // made by this process

    private readonly FileStream _file;
    private readonly TimeProvider _clock;

    /// <summary>Begins a new file; files that earlier runs have left in the folder stay, and TensorBoard reads them before it.</summary>
    /// <param name="folder">Made where it is not there.</param>
    /// <param name="clock">Supplies the events' times; null for the system's.</param>
    public EventFile(string folder, TimeProvider? clock = null)
    {
        _clock = clock ?? TimeProvider.System;
        Directory.CreateDirectory(folder);
        var name = string.Create(
            CultureInfo.InvariantCulture,
            $"events.out.tfevents.{_clock.GetUtcNow().ToUnixTimeSeconds():D10}.{Environment.MachineName}.{Environment.ProcessId}.{Interlocked.Increment(ref _files)}");
        _file = new FileStream(Path.Combine(folder, name), FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        Write(0, body => body.Text(3, "brain.Event:2")); // file_version
    }

    /// <summary>Says that what follows begins at this step: what earlier files hold from it on no longer counts.</summary>
    public void Restart(long step) => Write(step, body => body.Message(7, session => session.Number(1, 1))); // session_log { status: START }

    /// <summary>Writes numbers.</summary>
    /// <param name="step">When.</param>
    /// <param name="values">Each with its name, such as <c>train/loss</c>.</param>
    public void Scalars(long step, IEnumerable<(string Tag, double Value)> values) => Write(step, body => body.Message(5, summary =>
    {
        foreach (var (tag, value) in values)
            summary.Message(1, entry => entry.Text(1, tag).Single(2, (float)value)); // value { tag, simple_value }
    }));

    /// <summary>Writes a picture.</summary>
    /// <param name="step">When.</param>
    /// <param name="tag">Its name.</param>
    /// <param name="png">An RGB PNG.</param>
    public void Picture(long step, string tag, byte[] png)
    {
        var (width, height) = (BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20))); // of the header chunk
        Write(step, body => body.Message(5, summary => summary.Message(1, entry => entry.Text(1, tag)
            .Message(4, image => image.Number(1, height).Number(2, width).Number(3, 3).Bytes(4, png))))); // image { height, width, colorspace, encoded_image_string }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Write(long step, Action<ProtobufMessage> body)
    {
        var message = new ProtobufMessage();
        message.Double(1, _clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0).Number(2, step); // wall_time, step
        body(message);
        var data = message.ToArray();
        var frame = new byte[data.Length + 16];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(8), MaskedCrc(frame.AsSpan(0, 8)));
        data.CopyTo(frame, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(12 + data.Length), MaskedCrc(data));
        _file.Write(frame);
    }

    // Masked, because the CRC of data that holds its own CRC means little: TFRecord's rotation and constant.
    private static uint MaskedCrc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
            crc = BitOperations.Crc32C(crc, value);
        return BitOperations.RotateRight(~crc, 15) + 0xA282EAD8;
    }
}
