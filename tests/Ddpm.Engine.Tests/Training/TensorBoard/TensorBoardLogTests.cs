using System.Buffers.Binary;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Training;
using Ddpm.Engine.Training.TensorBoard;
using Tensorboard;

namespace Ddpm.Engine.Tests.Training.TensorBoard;

/// <summary>The files are read with the classes that protoc made of TensorBoard's own event.proto, which TorchSharp brings along.</summary>
public sealed class TensorBoardLogTests : TrainerRuns
{
    [Fact]
    public void Events_HoldTheCurvesAndThePreviews()
    {
        var recorder = new Recorder();
        using (var trainer = Make(Config with { PreviewEverySteps = 5, PreviewImages = 2 }, "run"))
        using (var log = new TensorBoardLog(Folder["tensorboard"], trainer.Step, trainer.TotalSteps))
            trainer.Run(new TrainingObservers(recorder, log), CancellationToken.None);

        var events = Read(Assert.Single(Directory.GetFiles(Folder["tensorboard"], "events.out.tfevents.*")));
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.All(events, item => Assert.Equal(DateTimeOffset.UtcNow.ToUnixTimeSeconds(), item.WallTime, 600.0));
        foreach (var (tag, of) in new (string, Func<TrainingProgress, double>)[]
        {
            ("train/loss", progress => progress.Loss), ("train/learning_rate", progress => progress.LearningRate), ("train/grad_norm", progress => progress.GradNorm),
            ("train/ema_distance", progress => progress.EmaDistance!.Value), ("speed/images_per_second", progress => progress.ImagesPerSecond),
            ("system/memory_mib", progress => progress.MemoryBytes / 1048576.0), ("train/skipped_steps", progress => progress.SkippedSteps),
        })
            Assert.Equal(recorder.Progress.Select(progress => (progress.Step, (float)of(progress))), Scalars(events, tag));

        var pictures = events.Where(item => item.Summary?.Value[0].Image is not null).ToList();
        Assert.Equal([5L, 10], pictures.Select(picture => picture.Step));
        var last = pictures[^1].Summary.Value[0].Image;
        var decoded = ImageCodec.Decode(last.EncodedImageString.ToByteArray(), new ImageDecodeOptions());
        Assert.Equal((decoded.Width, decoded.Height, 3), (last.Width, last.Height, last.Colorspace));
    }

    [Fact]
    public void Events_OfStepsThatAreTakenAgain_AreWithdrawn()
    {
        using (var log = new TensorBoardLog(Folder["tensorboard"], step: 4, totalSteps: 10))
            log.OnRollback(new TrainingRollback(FromStep: 9, Step: 6, RateFactor: 0.5));
        var starts = Read(Assert.Single(Directory.GetFiles(Folder["tensorboard"]))).Where(item => item.SessionLog?.Status == SessionLog.Types.SessionStatus.Start);
        Assert.Equal([5L, 7], starts.Select(item => item.Step));
    }

    [Fact]
    public void Loss_LeavesOutStepsThatWereSkipped()
    {
        using (var log = new TensorBoardLog(Folder["tensorboard"], 0, 2))
        {
            log.OnProgress(new TrainingProgress(1, 2, 0, double.NaN, 1e-3, double.NaN, 1, null) { Skipped = true, SkippedSteps = 1 });
            log.OnProgress(new TrainingProgress(2, 2, 0, 0.5, 1e-3, 2, 1, null) { SkippedSteps = 1 });
        }

        var events = Read(Assert.Single(Directory.GetFiles(Folder["tensorboard"])));
        Assert.Equal([(2L, 0.5f)], Scalars(events, "train/loss"));
        Assert.Equal([(1L, 1f), (2, 1)], Scalars(events, "train/skipped_steps"));
    }

    private static IEnumerable<(long, float)> Scalars(List<Event> events, string tag) =>
        from item in events where item.Summary is not null from value in item.Summary.Value where value.Tag == tag select (item.Step, value.SimpleValue);

    private static List<Event> Read(string path)
    {
        var bytes = File.ReadAllBytes(path).AsSpan();
        var events = new List<Event>();
        while (bytes.Length > 0)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            Assert.Equal(Masked(bytes[..8]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]));
            Assert.Equal(Masked(bytes.Slice(12, length)), BinaryPrimitives.ReadUInt32LittleEndian(bytes[(12 + length)..]));
            events.Add(Event.Parser.ParseFrom(bytes.Slice(12, length).ToArray()));
            bytes = bytes[(16 + length)..];
        }

        return events;
    }

    // CRC-32C bit by bit (RFC 3720, appendix B.4), masked as TFRecord says.
    private static uint Masked(ReadOnlySpan<byte> data)
    {
        var crc = 0xFFFFFFFF;
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0x82F63B78;
        }

        crc = ~crc;
        return ((crc >> 15) | (crc << 17)) + 0xA282EAD8;
    }
}
