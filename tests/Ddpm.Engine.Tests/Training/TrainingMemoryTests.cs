using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;

namespace Ddpm.Engine.Tests.Training;

public sealed class TrainingMemoryTests
{
    private const long GiB = 1L << 30;

    private static readonly TrainingConfig _config = new() { TotalSteps = 10 };

    private static UNetConfig Article { get; } = new()
    {
        SampleSize = 64,
        BlockOutChannels = [128, 128, 256, 256, 512, 512],
        DownBlockTypes = UNetConfig.ArticleDownBlocks(6),
        UpBlockTypes = UNetConfig.MirroredUpBlocks(UNetConfig.ArticleDownBlocks(6)),
    };

    // 113,673,219 weights: diffusers' own count of this network.
    [Fact]
    public void AtLeast_OfTheArticlesRun_IsWhatAMachineOfItsKindHas()
    {
        var memory = TrainingMemory.AtLeast(_config, Article, 64, 64);

        Assert.Equal(113_673_219L * 16, memory.StateBytes);
        Assert.InRange(memory.Bytes, 2 * GiB, 8 * GiB);
    }

    [Theory]
    [InlineData(0, TrainingPrecision.Float32, 12)]
    [InlineData(0.9999, TrainingPrecision.Float32, 16)]
    [InlineData(0.9999, TrainingPrecision.BFloat16, 18)]
    [InlineData(0.9999, TrainingPrecision.Float16, 18)]
    public void StateBytes_AreSoManyAWeight(double decay, TrainingPrecision precision, int bytes) =>
        Assert.Equal(113_673_219L * bytes, TrainingMemory.AtLeast(_config with { EmaDecay = decay, Precision = precision }, Article, 64, 64).StateBytes);

    [Theory]
    [InlineData(TrainingPrecision.Float32, 1, 4)]
    [InlineData(TrainingPrecision.Float32, 2, 4)]
    [InlineData(TrainingPrecision.BFloat16, 1, 2)]
    [InlineData(TrainingPrecision.BFloat16, 2, 6)]
    [InlineData(TrainingPrecision.Float16, 1, 4)]
    public void StepBytes_AreTheGradients_WherePicturesAreTiny(TrainingPrecision precision, int passes, int bytes)
    {
        var wide = TinyModel.Network with { BlockOutChannels = [512, 512] };
        var weights = TrainingMemory.AtLeast(_config with { EmaDecay = 0 }, wide, 2, 2).StateBytes / 12;

        var memory = TrainingMemory.AtLeast(_config with { BatchSize = 1, Precision = precision, GradientAccumulationSteps = passes }, wide, 2, 2);

        Assert.Equal(weights * bytes, memory.StepBytes);
    }

    [Fact]
    public void StepBytes_GrowWithTheBatch_AndWithThePictures()
    {
        var (one, two, three) = (Of(64, 64), Of(128, 64), Of(192, 64));
        Assert.Equal(two - one, three - two);
        Assert.Equal(two - one, one); // where there are many pictures, gradients come after the peak
        Assert.Equal(4 * one, Of(64, 128));
        Assert.Equal(one, Of(128, 64, _config with { Precision = TrainingPrecision.BFloat16 }));

        static long Of(int batch, int side, TrainingConfig? config = null) => TrainingMemory.AtLeast((config ?? _config) with { BatchSize = batch }, Article, side, side).StepBytes;
    }

    [Fact]
    public void StepBytes_AreFewer_WhereBlocksAreComputedAgain()
    {
        var (kept, again) = (Of(false), Of(true));
        Assert.InRange((double)again / kept, 0.1, 0.5);

        static long Of(bool recomputes) => TrainingMemory.AtLeast(_config with { BatchSize = 64, GradientCheckpointing = recomputes }, Article, 64, 64).StepBytes;
    }

    [Fact]
    public void StepBytes_HoldTheSumOfPasses_OnlyWhereAWholeBatchComesAfterAnother()
    {
        Assert.Equal(Of(1), Of(2)); // the second may be the short one of an epoch
        Assert.Equal(Of(1) + (4 * 113_673_219L), Of(3));

        static long Of(int passes) => TrainingMemory.AtLeast(_config with { BatchSize = 64, GradientAccumulationSteps = passes }, Article, 64, 64).StepBytes;
    }

    [Fact]
    public void AtLeast_OfTheLargestThatMayBeAskedFor_IsANumber()
    {
        var blocks = UNetConfig.ArticleDownBlocks(8);
        var largest = new UNetConfig { BlockOutChannels = [.. Enumerable.Repeat(2048, 8)], LayersPerBlock = 8, DownBlockTypes = blocks, UpBlockTypes = UNetConfig.MirroredUpBlocks(blocks) };

        Assert.InRange(TrainingMemory.AtLeast(_config with { BatchSize = 4096 }, largest, 1024, 1024).Bytes, 1000 * GiB, long.MaxValue);
    }

    [Fact]
    public void AtLeast_RefusesANetworkThatCannotBeBuilt() =>
        Assert.Throws<UNetConfigException>(() => TrainingMemory.AtLeast(_config, Article with { DownBlockTypes = ["DownBlock2D"] }, 64, 64));
}
