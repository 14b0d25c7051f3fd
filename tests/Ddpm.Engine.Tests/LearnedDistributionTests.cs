using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Tests.Data;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests;

/// <summary>Pictures of a distribution that is known exactly: a·P + b·Q, with P bright on the left and dark on the right, Q bright above and dark below, a from a
/// mixture of two Gaussians and b from one. What a trained network draws must have the same statistics, with every sampler.</summary>
public sealed class LearnedDistributionTests(ITestOutputHelper output) : IDisposable
{
    private const int Side = 8;
    private const int Draws = 512;
    private static readonly (double Weight, double Mean, double Deviation)[] A = [(0.35, -0.45, 0.08), (0.65, 0.3, 0.12)];
    private static readonly (double Mean, double Deviation) B = (0.05, 0.2);

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Samples_HaveTheStatisticsOfTheDistribution_WithEverySampler()
    {
        TorchRuntime.Initialize();
        set_num_threads(1); // of this thread
        using var dataset = Dataset();
        var model = DiffusersFolder.Open(Train(dataset));
        using var network = model.LoadNetwork(CPU);

        var samplers = new (string Name, SamplerConfig Config)[]
        {
            ("ddpm, 150 steps", new() { Kind = SamplerKind.Ddpm, Steps = 150 }),
            ("ddim, 50", new() { Kind = SamplerKind.Ddim, Steps = 50 }),
            ("ddim, eta 1, 150", new() { Kind = SamplerKind.Ddim, Steps = 150, Eta = 1 }),
            ("dpmsolver++, 25", new() { Kind = SamplerKind.DpmSolver, Steps = 25 }),
            ("dpmsolver++ order 3, 25", new() { Kind = SamplerKind.DpmSolver, Steps = 25, Order = 3 }),
            ("sde-dpmsolver++, 50", new() { Kind = SamplerKind.SdeDpmSolver, Steps = 50 }),
            ("euler, 50", new() { Kind = SamplerKind.Euler, Steps = 50 }),
            ("heun, 25", new() { Kind = SamplerKind.Heun, Steps = 25 }),
            ("unipc, 25", new() { Kind = SamplerKind.UniPc, Steps = 25 }),
        };
        output.WriteLine("sampler                  | left share | left a, std | right a, std | b, std | off the plane");
        var faults = samplers.SelectMany(sampler => Faults(sampler.Name, Draw(network, model.Schedule, sampler.Config))).ToList();
        Assert.Empty(faults);
    }

    public void Dispose() => _folder.Dispose();

    private ImageDataset Dataset()
    {
        const int pictures = 4096;
        var normals = new float[2 * pictures];
        PhiloxNoise.Fill(seed: 21, image: 0, step: 0, normals);
        DatasetBuilder.Build(
            new MemorySource([.. Enumerable.Range(0, pictures).Select(n =>
            {
                var (_, mean, deviation) = A[n < A[0].Weight * pictures ? 0 : 1];
                return ($"{n:0000}.png", (string?)null, Picture(mean + (deviation * normals[2 * n]), B.Mean + (B.Deviation * normals[(2 * n) + 1])));
            })]),
            new DatasetOptions { Resolution = Side, Channels = 1 }, _folder["data"], null, CancellationToken.None);
        return ImageDataset.Open(_folder["data"]);
    }

    private static byte[] Picture(double a, double b)
    {
        var pixels = Enumerable.Range(0, Side * Side).Select(pixel =>
        {
            var value = (a * P(pixel)) + (b * Q(pixel));
            return (byte)Math.Clamp(Math.Round((value + 1) * 127.5), 0, 255);
        });
        return ImageCodec.EncodePng([.. pixels.SelectMany(value => new[] { value, value, value })], Side, Side, 3);
    }

    private static int P(int pixel) => pixel % Side < Side / 2 ? 1 : -1;

    private static int Q(int pixel) => pixel / Side < Side / 2 ? 1 : -1;

    private string Train(ImageDataset dataset)
    {
        var config = new TrainingConfig
        {
            TotalSteps = 1200,
            BatchSize = 64,
            LearningRate = 3e-3,
            WarmupSteps = 50,
            WeightDecay = 0,
            EmaDecay = 0.995,
            HorizontalFlip = false,
        };
        var network = new UNetConfig
        {
            SampleSize = Side,
            InChannels = 1,
            OutChannels = 1,
            BlockOutChannels = [16, 32],
            LayersPerBlock = 1,
            NormNumGroups = 4,
            DownBlockTypes = ["DownBlock2D", "DownBlock2D"],
            UpBlockTypes = ["UpBlock2D", "UpBlock2D"],
        };
        using var trainer = new Trainer(config, network, new NoiseScheduleConfig(), dataset, CPU, _folder["checkpoints"]);
        return trainer.Run(new Unheard(), TestContext.Current.CancellationToken).Checkpoint!.Folder;
    }

    private static float[] Draw(UNet network, NoiseScheduleConfig schedule, SamplerConfig sampler)
    {
        var plan = SamplingPlan.For(schedule, sampler);
        var images = Enumerable.Range(0, Draws).Select(index => new ImageToDraw(plan, Seed: 9, (uint)index)).ToList();
        using var drawn = new DenoisingLoop(network, CPU).Run(images, Side, Side, afterStep: null, TestContext.Current.CancellationToken);
        return drawn.data<float>().ToArray();
    }

    private IEnumerable<string> Faults(string name, float[] drawn)
    {
        var pictures = drawn.Chunk(Side * Side).Select(picture => (
            A: picture.Select((value, pixel) => (double)value * P(pixel)).Average(),
            B: picture.Select((value, pixel) => (double)value * Q(pixel)).Average(),
            Energy: picture.Average(value => (double)value * value))).ToList();
        var left = pictures.Where(picture => picture.A < -0.15).Select(picture => picture.A).ToList();
        var right = pictures.Where(picture => picture.A >= -0.15).Select(picture => picture.A).ToList();
        var b = pictures.Select(picture => picture.B).ToList();
        var offPlane = Math.Sqrt(pictures.Average(picture => Math.Max(picture.Energy - (picture.A * picture.A) - (picture.B * picture.B), 0)));
        var share = (double)left.Count / Draws;
        output.WriteLine(FormattableString.Invariant(
            $"{name,-24} | {share:0.000} | {left.Average():0.000} {Deviation(left):0.000} | {right.Average():0.000} {Deviation(right):0.000} | {b.Average():0.000} {Deviation(b):0.000} | {offPlane:0.000}"));

        // Four standard errors of each statistic of so many draws.
        var checks = new (string What, double Got, double Expected, double StandardError)[]
        {
            ("share of the left hump", share, A[0].Weight, Math.Sqrt(A[0].Weight * A[1].Weight / Draws)),
            ("mean of the left hump", left.Average(), A[0].Mean, A[0].Deviation / Math.Sqrt(left.Count)),
            ("deviation of the left hump", Deviation(left), A[0].Deviation, A[0].Deviation / Math.Sqrt(2 * left.Count)),
            ("mean of the right hump", right.Average(), A[1].Mean, A[1].Deviation / Math.Sqrt(right.Count)),
            ("deviation of the right hump", Deviation(right), A[1].Deviation, A[1].Deviation / Math.Sqrt(2 * right.Count)),
            ("mean of b", b.Average(), B.Mean, B.Deviation / Math.Sqrt(Draws)),
            ("deviation of b", Deviation(b), B.Deviation, B.Deviation / Math.Sqrt(2 * Draws)),
        };
        foreach (var (what, got, expected, error) in checks)
            if (Math.Abs(got - expected) > 4 * error)
                yield return FormattableString.Invariant($"{name}: {what} is {got:0.000}, not {expected:0.000} ({Math.Abs(got - expected) / error:0.0} standard errors)");
        if (offPlane > 0.05)
            yield return FormattableString.Invariant($"{name}: pictures lie {offPlane:0.000} off the plane");
    }

    private static double Deviation(List<double> values)
    {
        var mean = values.Average();
        return Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
    }

    private sealed class Unheard : TrainingObserver;
}
