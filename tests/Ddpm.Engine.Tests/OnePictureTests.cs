using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Tests.Data;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests;

/// <summary>The whole chain on one picture: file, dataset, training, checkpoint folder, sampling, PNG.</summary>
public sealed class OnePictureTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Samples_AreThePicture_WhenItIsAllThatWasEverSeen()
    {
        TorchRuntime.Initialize();
        set_num_threads(1); // of this thread: layers so small gain nothing from a second one, and wait for it where the machine is busy
        using var dataset = DatasetOf(face: 0, "seen");
        using var unseen = DatasetOf(face: 1, "unseen");
        var picture = dataset.Preview(1);

        var checkpoint = Train(dataset);
        var errors = Draw(checkpoint.Folder).Select(sample => MeanDifference(sample, picture)).ToList();

        var apart = MeanDifference(unseen.Preview(1), picture);
        output.WriteLine(FormattableString.Invariant($"Loss {checkpoint.Loss:0.0000}. Mean difference, of 255: samples at most {errors.Max():0.0}, another face {apart:0.0}."));
        Assert.InRange(checkpoint.Loss, 0, 0.05);
        Assert.All(errors, error => Assert.InRange(error, 0, apart / 4));
    }

    public void Dispose() => _folder.Dispose();

    private ImageDataset DatasetOf(int face, string name)
    {
        using var listing = new FacesSource(count: 2, seed: 2, size: 32).Open(CancellationToken.None);
        var png = listing.Entries.ElementAt(face).Read();
        DatasetBuilder.Build(new MemorySource(("face.png", null, png)), new DatasetOptions { Resolution = 8 }, _folder[name], null, CancellationToken.None);
        return ImageDataset.Open(_folder[name]);
    }

    // Narrower networks reach the loss too, but not the colours: at high noise these weigh next to nothing in it.
    private CheckpointInfo Train(ImageDataset dataset)
    {
        var config = new TrainingConfig { TotalSteps = 400, LearningRate = 4e-3, WarmupSteps = 20, WeightDecay = 0, HorizontalFlip = false };
        var network = new UNetConfig
        {
            SampleSize = 8,
            BlockOutChannels = [64, 64],
            LayersPerBlock = 1,
            DownBlockTypes = UNetConfig.ArticleDownBlocks(2),
            UpBlockTypes = UNetConfig.MirroredUpBlocks(UNetConfig.ArticleDownBlocks(2)),
        };
        using var trainer = new Trainer(config, network, new NoiseScheduleConfig(), dataset, CPU, _folder["checkpoints"]);
        return trainer.Run(new Unheard(), TestContext.Current.CancellationToken).Checkpoint!;
    }

    private static List<PixelBatch> Draw(string folder)
    {
        using var model = DiffusionModel.Load(folder, CPU);
        var request = new SampleRequest { Count = 8, Seed = 5, Sampler = new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 100 } };
        var drawn = model.Sample(request, null, TestContext.Current.CancellationToken);
        return Enumerable.Range(0, drawn.Count).Select(n => ThroughPng(drawn.Only(n))).ToList();
    }

    private static PixelBatch ThroughPng(PixelBatch picture)
    {
        var read = ImageCodec.Decode(ImageGrid.EncodePng(picture, 1, 1), new ImageDecodeOptions());
        return picture with { Pixels = Planes.Of(read, picture.Channels) };
    }

    private static double MeanDifference(PixelBatch a, PixelBatch b) => a.Pixels.Zip(b.Pixels, (x, y) => (double)Math.Abs(x - y)).Average();

    private sealed class Unheard : TrainingObserver;
}
