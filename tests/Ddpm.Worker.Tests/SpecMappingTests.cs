using Ddpm.Engine.Sampling;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Training;

namespace Ddpm.Worker.Tests;

public sealed class SpecMappingTests
{
    [Fact]
    public void ToTraining_CountsEpochsOutInSteps()
    {
        // The article's run: 21,551 pictures in batches of 16 for 50 epochs.
        var config = SpecMapping.ToTraining(new OptimizationSpec(), images: 21_551);
        Assert.Equal((1347L * 50, 1347L, 1347L), (config.TotalSteps, config.PreviewEverySteps, config.CheckpointEverySteps));
        Assert.Equal((1e-4, 500, 1.0), (config.LearningRate, config.WarmupSteps, config.MaxGradNorm));
    }

    [Theory, InlineData(null, null, 52, 52), InlineData(1, null, 4, 52), InlineData(3, 7, 12, 7)]
    public void ToTraining_SpacesPreviewsAndCheckpointsOfShortEpochs_UnlessItIsToldOtherwise(int? epochs, int? steps, long previews, long checkpoints)
    {
        var config = SpecMapping.ToTraining(new OptimizationSpec { PreviewEveryEpochs = epochs, CheckpointEverySteps = steps }, images: 64); // four steps an epoch
        Assert.Equal((previews, checkpoints), (config.PreviewEverySteps, config.CheckpointEverySteps));
    }

    [Theory, InlineData(SamplerNames.Ddpm, SamplerKind.Ddpm), InlineData(SamplerNames.Ddim, SamplerKind.Ddim), InlineData(SamplerNames.DpmSolver, SamplerKind.DpmSolver)]
    public void ToRequest_KnowsEverySamplerOfTheContract(string name, SamplerKind kind)
    {
        var request = SpecMapping.ToRequest(new SamplingSpec { Sampler = name, Count = 3, FirstImage = 5, Seed = 7, Steps = 11, TimestepSpacing = "trailing" });
        Assert.Equal((kind, 3, 5, 7ul, 11, TimestepSpacing.Trailing), (request.Sampler.Kind, request.Count, request.FirstImage, request.Seed, request.Sampler.Steps, request.Sampler.Spacing));
    }

    [Theory, InlineData(16, null, null, 4, 4), InlineData(5, 1, null, 1, 5), InlineData(5, null, 2, 3, 2)]
    public void ToLayout_HoldsAllPictures(int count, int? rows, int? columns, int expectedRows, int expectedColumns) =>
        Assert.Equal((expectedRows, expectedColumns), SpecMapping.ToLayout(new SamplingSpec { Count = count, Rows = rows, Columns = columns }));
}
