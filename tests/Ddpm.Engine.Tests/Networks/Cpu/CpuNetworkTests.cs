using Ddpm.Engine.Networks;
using Ddpm.Engine.Networks.Cpu;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Networks.Cpu;

public sealed class CpuNetworkTests
{
    private static readonly UNetConfig Plain = new()
    {
        SampleSize = 16,
        BlockOutChannels = [16, 32, 48],
        LayersPerBlock = 1,
        NormNumGroups = 8,
        DownBlockTypes = ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
        UpBlockTypes = ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
    };

    private static readonly Dictionary<string, UNetConfig> Kinds = new()
    {
        ["plain"] = Plain,
        ["of the article's kind"] = Plain with { SampleSize = 32, LayersPerBlock = 2, BlockOutChannels = [32, 32, 64] },
        ["padded right and below"] = Plain with { DownsamplePadding = 0, FlipSinToCos = false, FreqShift = 1, NormEps = 1e-6 },
        ["scale and shift"] = Plain with { ResnetTimeScaleShift = "scale_shift" },
        ["one head"] = Plain with { AttentionHeadDim = null },
        ["wide heads"] = Plain with { AttentionHeadDim = 16 },
        ["residual resampling"] = Plain with { DownsampleType = "resnet", UpsampleType = "resnet", DownBlockTypes = ["ResnetDownsampleBlock2D", "AttnDownBlock2D", "DownBlock2D"], UpBlockTypes = ["UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"] },
        ["no middle"] = Plain with { MidBlockType = null },
        ["no attention in the middle"] = Plain with { AddAttention = false },
        ["scaled middle"] = Plain with { MidBlockScaleFactor = 1.5 },
        ["classes"] = Plain with { NumClassEmbeds = 5 },
        ["fourier"] = Plain with { TimeEmbeddingType = "fourier" },
        ["centred"] = Plain with { CenterInputSample = true },
        ["relu"] = Plain with { ActFn = "relu" },
        ["one channel, learned variance"] = Plain with { InChannels = 1, OutChannels = 2 },
        ["wide"] = Plain with { BlockOutChannels = [32, 192, 208], NormNumGroups = 16 },
        ["heads that leave channels out"] = Plain with { BlockOutChannels = [16, 48, 48], AttentionHeadDim = 32 },
        ["not divisible into tiles"] = Plain with { SampleSize = 20, BlockOutChannels = [16, 32], DownBlockTypes = ["DownBlock2D", "AttnDownBlock2D"], UpBlockTypes = ["AttnUpBlock2D", "UpBlock2D"] },
    };

    public static IEnumerable<TheoryDataRow<string>> Names => Kinds.Keys.Select(name => new TheoryDataRow<string>(name));

    public static IEnumerable<TheoryDataRow<string, int>> NamesAndTypes =>
        from kind in Kinds.Keys from type in Enum.GetValues<MatrixType>() select new TheoryDataRow<string, int>(kind, (int)type);

    [Theory, MemberData(nameof(Names))]
    public void Call_GivesWhatTheNetworkGives(string kind)
    {
        using var run = new Run(Kinds[kind], MatrixType.Float32);
        Assert.InRange(run.LargestDifference(pictures: 3), 0, 3e-5);
    }

    [Theory, MemberData(nameof(Names))]
    public void Call_IsCloseToWhatTheNetworkGives_InBFloat16(string kind)
    {
        using var run = new Run(Kinds[kind], MatrixType.BFloat16);
        Assert.InRange(run.LargestDifference(pictures: 3), 1e-6, 0.04); // above 0: it does round
    }

    [Theory, MemberData(nameof(NamesAndTypes))]
    public void Call_GivesAPictureTheSameBits_AloneAndInAnyBatchOnAnyNumberOfThreads(string kind, int type)
    {
        using var run = new Run(Kinds[kind], (MatrixType)type);
        using var sideBySide = new Run(Kinds[kind], (MatrixType)type, threads: 3);
        using var shared = new Run(Kinds[kind], (MatrixType)type, threads: 3, smallNetwork: 0);
        using var scope = NewDisposeScope();
        var (sample, timesteps, labels) = run.Inputs(pictures: 7);
        var together = shared.Prepared.Call(sample, timesteps, labels);
        Assert.True(together.bytes.SequenceEqual(sideBySide.Prepared.Call(sample, timesteps, labels).bytes));
        for (var picture = 0; picture < 7; picture++)
        {
            var alone = run.Prepared.Call(sample.narrow(0, picture, 1), timesteps.narrow(0, picture, 1), labels?.narrow(0, picture, 1));
            Assert.True(alone.bytes.SequenceEqual(together.narrow(0, picture, 1).contiguous().bytes), $"picture {picture} differs");
        }
    }

    [Fact]
    public void Call_NeedsNoMoreMemory_WhateverTheBatch()
    {
        using var run = new Run(Plain, MatrixType.Float32);
        run.LargestDifference(pictures: 1);
        run.LargestDifference(pictures: 8);
        var bytes = run.Prepared.WorkspaceBytes;
        foreach (var pictures in new[] { 1, 23, 2 })
            run.LargestDifference(pictures);
        Assert.Equal(bytes, run.Prepared.WorkspaceBytes);
    }

    [Fact]
    public void Call_LetsThroughWhatIsNotANumber_InThePictureThatHasIt()
    {
        using var run = new Run(Plain, MatrixType.Float32);
        using var scope = NewDisposeScope();
        var (sample, timesteps, labels) = run.Inputs(pictures: 2);
        sample[1, 0, 3, 3] = float.NaN;
        var output = run.Prepared.Call(sample, timesteps, labels);
        Assert.True(output[0].isfinite().all().item<bool>());
        Assert.True(output[1].isnan().any().item<bool>());
    }

    [Theory, InlineData(2, 1), InlineData(1, 2), InlineData(2, 3)]
    public void Call_RefusesTimestepsThatAreNotOneAPicture(int pictures, int timesteps)
    {
        using var run = new Run(Plain, MatrixType.Float32);
        using var scope = NewDisposeScope();
        var (sample, times, _) = run.Inputs(3);
        Assert.Throws<ArgumentException>(() => run.Prepared.Call(sample.narrow(0, 0, pictures), times.narrow(0, 0, timesteps), null));
    }

    [Fact]
    public void ANetworkIsRefused_ForPicturesThatItCannotHalveOftenEnough()
    {
        Assert.SkipUnless(MatrixKernels.AreSupported, "This CPU, or this system, lacks AVX-512.");
        using var network = TinyModel.Build(Plain);
        Assert.Contains("multiples of 4", Assert.Throws<ArgumentException>(() => new CpuNetwork(network, MatrixType.Float32, 1, 16, 18)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Call_NormalisesRight_WhereTheMeanIsFarFromZero()
    {
        using var run = new Run(Plain, MatrixType.Float32, change: network => network.get_parameter("conv_in.bias")!.add_(1000));
        Assert.InRange(run.LargestDifference(pictures: 2), 0, 1e-3); // float32 knows 1000.5 to 6e-5, whoever computes with it
    }

    [Theory]
    [InlineData("gelu", 16, "act_fn 'gelu'")]
    [InlineData("silu", 24, "multiple of 16")]
    public void WhyNot_SaysWhatIsNotPrepared(string activation, int channels, string expected)
    {
        Assert.SkipUnless(MatrixKernels.AreSupported, "This CPU, or this system, lacks AVX-512.");
        Assert.Contains(expected, CpuNetwork.WhyNot(Plain with { ActFn = activation, BlockOutChannels = [channels, 32, 48] }, MatrixType.Float32), StringComparison.Ordinal);
    }

    private sealed class Run : IDisposable
    {
        private readonly UNet _network;

        public Run(UNetConfig config, MatrixType type, int threads = 1, long smallNetwork = long.MaxValue, Action<UNet>? change = null)
        {
            Assert.SkipUnless(type == MatrixType.Float32 ? MatrixKernels.AreSupported : MatrixKernels.SupportBFloat16, "This CPU lacks AVX-512, or its bfloat16.");
            _network = TinyModel.Build(config);
            _network.eval();
            using (no_grad())
                change?.Invoke(_network);
            Prepared = new CpuNetwork(_network, type, threads, config.SampleSize!.Value, config.SampleSize.Value, smallNetwork);
        }

        public CpuNetwork Prepared { get; }

        public (Tensor Sample, Tensor Timesteps, Tensor? Labels) Inputs(int pictures)
        {
            using var generator = new Generator(3);
            var config = _network.Config;
            return (
                randn([pictures, config.InChannels, config.SampleSize!.Value, config.SampleSize.Value], generator: generator),
                tensor(Enumerable.Range(0, pictures).Select(n => (float)(900 - (100.5 * n))).ToArray()),
                config.NumClassEmbeds is { } classes ? tensor(Enumerable.Range(0, pictures).Select(n => (long)(n % classes)).ToArray()) : null);
        }

        /// <summary>Relative to the largest value.</summary>
        public float LargestDifference(int pictures)
        {
            using var scope = NewDisposeScope();
            using var noGradients = no_grad();
            var (sample, timesteps, labels) = Inputs(pictures);
            var expected = _network.call(sample, timesteps, labels);
            var actual = Prepared.Call(sample, timesteps, labels);
            return ((actual - expected).abs().max() / expected.abs().max()).item<float>();
        }

        public void Dispose()
        {
            Prepared.Dispose();
            _network.Dispose();
        }
    }
}
