using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Steps;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Sampling.Steps;

/// <summary>The steps of a device, run on the CPU, are those of the host.</summary>
public sealed class StepperTests
{
    private const int Side = 8;
    private const int Elements = 3 * Side * Side;

    public StepperTests() => TorchRuntime.Initialize();

    public static TheoryData<SamplerKind> Kinds => [.. Enum.GetValues<SamplerKind>()];

    [Theory, MemberData(nameof(Kinds))]
    public void Device_DoesWhatTheHostDoes(SamplerKind kind)
    {
        var schedule = new NoiseScheduleConfig();
        AssertAlike(Network(variance: false), [.. Images(schedule, kind), .. Images(schedule, SamplerKind.Ddpm)]);
    }

    [Theory, InlineData(0.5), InlineData(0.9), InlineData(0.995), InlineData(1.0)]
    public void Device_DoesWhatTheHostDoes_WithThresholding(double quantile)
    {
        var schedule = new NoiseScheduleConfig { Thresholding = true, DynamicThresholdingRatio = quantile, SampleMaxValue = 3 };
        AssertAlike(Network(variance: false), [.. Images(schedule, SamplerKind.Ddpm), .. Images(new NoiseScheduleConfig { ClipSample = false }, SamplerKind.DpmSolver)]);
    }

    [Fact]
    public void Device_DoesWhatTheHostDoes_WithALearnedVariance() =>
        AssertAlike(Network(variance: true), Images(new NoiseScheduleConfig { VarianceType = "learned_range" }, SamplerKind.Ddpm));

    [Fact]
    public void Device_DoesWhatTheHostDoes_WithGuidanceAndAKnownRegion()
    {
        var images = Images(new NoiseScheduleConfig(), SamplerKind.Ddim);
        var known = new KnownRegion([.. Enumerable.Range(0, Elements).Select(at => (at % 5 / 2f) - 1)], [.. Enumerable.Range(0, Side * Side).Select(at => at % 3 == 0)]);
        AssertAlike(Network(variance: false) with { NullClass = 4 }, [
            images[0] with { ClassLabel = 1 },
            images[1] with { ClassLabel = 2, GuidanceScale = 3 },
            images[2] with { Known = known },
            images[0] with { ClassLabel = 3, GuidanceScale = 0 },
        ]);
    }

    [Fact]
    public void Observers_SeeTheSameOnBoth()
    {
        List<float>[] seen = [[], []];
        foreach (var (index, make) in Makers(Network(variance: false)).Index())
        {
            using var stepper = make();
            var watch = new StepWatch(step => step % 2 == 1, (step, image, sample, original) =>
            {
                Assert.True(step % 2 == 1);
                seen[index].AddRange([step, image, .. sample, .. original]);
            });
            Finish(stepper, [.. Images(new NoiseScheduleConfig(), SamplerKind.Heun).Select((image, at) => new RunningImage(image, at, watch))]);
        }

        Assert.NotEmpty(seen[0]);
        AssertClose(seen[0], seen[1]);
    }

    private static void AssertAlike(StepNetwork network, IReadOnlyList<ImageToDraw> images)
    {
        var drawn = new List<List<float>>();
        foreach (var make in Makers(network))
        {
            using var stepper = make();
            drawn.Add(Finish(stepper, [.. images.Select((image, index) => new RunningImage(image, index))]));
        }

        Assert.True(drawn[0].Distinct().Count() > 100);
        AssertClose(drawn[0], drawn[1]);
    }

    // Pictures come one after another, leave when they are done, and every third call leaves some out: places are reused and steps differ.
    private static List<float> Finish(Stepper stepper, RunningImage[] images)
    {
        for (var call = 0; images.Any(image => !image.IsDone); call++)
            if (images.Where(image => !image.IsDone && image.Index <= call && (call + image.Index) % 3 != 0).ToList() is { Count: > 0 } moving)
                stepper.Advance(moving);
        var drawn = new float[images.Length * Elements];
        foreach (var image in images)
            stepper.Take(image, drawn.AsSpan(image.Index * Elements, Elements));
        return [.. drawn];
    }

    private static List<Func<Stepper>> Makers(StepNetwork network) => [() => new HostStepper(network, Side, Side), () => new DeviceStepper(network, Side, Side)];

    private static void AssertClose(List<float> expected, List<float> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance: 2e-5f));
    }

    private static ImageToDraw[] Images(NoiseScheduleConfig schedule, SamplerKind kind) =>
        [.. Enumerable.Range(0, 3).Select(index => new ImageToDraw(SamplingPlan.For(schedule, new SamplerConfig { Kind = kind, Steps = 6 + (2 * index) }), 5, (uint)index))];

    private static StepNetwork Network(bool variance) => new(
        (sample, timesteps, labels) =>
        {
            var output = (sample * 0.6f) + (0.2f * sample * sample.abs().sqrt() * (timesteps / 1000).view(-1, 1, 1, 1));
            if (labels is not null)
                output = output + (0.05f * labels.to(ScalarType.Float32).view(-1, 1, 1, 1));
            return variance ? cat([output, sample.sin()], dim: 1) : output;
        },
        3,
        CPU);
}
