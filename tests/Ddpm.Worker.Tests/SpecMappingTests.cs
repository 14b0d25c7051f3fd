using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Training;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Training;

namespace Ddpm.Worker.Tests;

public sealed class SpecMappingTests
{
    [Fact]
    public void ToTraining_CountsEpochsOutInSteps()
    {
        // The article's run: 21,551 pictures in batches of 16 for 50 epochs.
        var config = SpecMapping.ToTraining(new TrainingSpec(), images: 21_551);
        Assert.Equal((1347L * 50, 1347L, 1347L), (config.TotalSteps, config.PreviewEverySteps, config.CheckpointEverySteps));
        Assert.Equal((1e-4, 500, 1.0), (config.LearningRate, config.WarmupSteps, config.MaxGradNorm));
    }

    [Theory, InlineData(null, null, 52, 52), InlineData(1, null, 4, 52), InlineData(3, 7, 12, 7)]
    public void ToTraining_SpacesPreviewsAndCheckpointsOfShortEpochs_UnlessItIsToldOtherwise(int? epochs, int? steps, long previews, long checkpoints)
    {
        var config = SpecMapping.ToTraining(new TrainingSpec { Training = new OptimizationSpec { PreviewEveryEpochs = epochs, CheckpointEverySteps = steps } }, images: 64); // four steps an epoch
        Assert.Equal((previews, checkpoints), (config.PreviewEverySteps, config.CheckpointEverySteps));
    }

    [Fact]
    public void Specs_OfEveryWord_AreKnown()
    {
        foreach (var property in new[] { typeof(OptimizationSpec), typeof(ScheduleSpec) }.SelectMany(type => type.GetProperties()))
        {
            foreach (var word in property.GetCustomAttributes(typeof(AllowedValuesAttribute), inherit: true).Cast<AllowedValuesAttribute>().SelectMany(allowed => allowed.Values))
            {
                var json = JsonSerializer.Serialize(new Dictionary<string, object?> { [property.Name] = word });
                if (property.DeclaringType == typeof(OptimizationSpec))
                    Assert.Empty(SpecMapping.ToTraining(new TrainingSpec { Training = JsonSerializer.Deserialize<OptimizationSpec>(json)! }, images: 64).Faults());
                else
                    Assert.NotNull(SpecMapping.ToSchedule(JsonSerializer.Deserialize<ScheduleSpec>(json)!));
            }
        }

        var config = SpecMapping.ToTraining(new TrainingSpec { Training = new OptimizationSpec { LossWeighting = "min_snr", EmaSchedule = "fixed", Precision = "bfloat16" } }, images: 64);
        Assert.Equal((LossWeightingKind.MinSnr, EmaRise.Fixed, TrainingPrecision.BFloat16), (config.LossWeighting.Kind, config.EmaRise, config.Precision));
    }

    [Theory, InlineData(false, null, 0.0), InlineData(true, null, 0.1), InlineData(true, 0.0, 0.0), InlineData(true, 0.25, 0.25)]
    public void LabelDropout_IsOn_WhereTheNetworkIsClassConditional(bool classConditional, double? asked, double expected) => Assert.Equal(expected, SpecMapping.ToTraining(
        new TrainingSpec { Network = new NetworkSpec { ClassConditional = classConditional }, Training = new OptimizationSpec { LabelDropout = asked } }, images: 64).LabelDropout);

    [Theory, InlineData(SamplerNames.Ddpm, SamplerKind.Ddpm), InlineData(SamplerNames.Ddim, SamplerKind.Ddim), InlineData(SamplerNames.DpmSolver, SamplerKind.DpmSolver)]
    public void ToRequest_KnowsEverySamplerOfTheContract(string name, SamplerKind kind)
    {
        var request = SpecMapping.ToRequest(new SamplingSpec { Sampler = name, Count = 3, FirstImage = 5, Seed = 7, Steps = 11, TimestepSpacing = "trailing" });
        Assert.Equal((kind, 3, 5, 7ul, 11, TimestepSpacing.Trailing), (request.Sampler.Kind, request.Count, request.FirstImage, request.Seed, request.Sampler.Steps, request.Sampler.Spacing));
    }

    [Theory, InlineData("float32", SamplingPrecision.Float32), InlineData("tfloat32", SamplingPrecision.TFloat32), InlineData("bfloat16", SamplingPrecision.BFloat16), InlineData("float16", SamplingPrecision.Float16)]
    public void ToPrecision_KnowsEveryPrecisionOfTheContract(string name, SamplingPrecision precision) => Assert.Equal(precision, SpecMapping.ToPrecision(new SamplingSpec { Precision = name }));

    [Theory, InlineData(16, null, null, 4, 4), InlineData(5, 1, null, 1, 5), InlineData(5, null, 2, 3, 2)]
    public void ToLayout_HoldsAllPictures(int count, int? rows, int? columns, int expectedRows, int expectedColumns) =>
        Assert.Equal((expectedRows, expectedColumns), SpecMapping.ToLayout(new SamplingSpec { Count = count, Rows = rows, Columns = columns }));
}
