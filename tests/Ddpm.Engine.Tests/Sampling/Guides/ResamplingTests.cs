using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Guides;

namespace Ddpm.Engine.Tests.Sampling.Guides;

public sealed class ResamplingTests
{
    private static readonly NoiseScheduleConfig Schedule = new();

    [Fact]
    public void TimestepsAreThoseOfTheArticlesSchedule()
    {
        // get_schedule_jump of the authors' code with t_T = 8, jump_length 2, jump_n_sample 3, without the timesteps at which it goes back.
        int[] expected = [7, 6, 5, 6, 5, 6, 5, 4, 3, 4, 3, 4, 3, 2, 1, 2, 1, 2, 1, 0];
        var plan = Plan(SamplerKind.Ddpm, [7, 6, 5, 4, 3, 2, 1, 0], 2, 3);
        Assert.Equal(expected, plan.Steps.Select(step => (int)step.Timestep));
    }

    [Theory, InlineData(SamplerKind.Ddpm, 0), InlineData(SamplerKind.Ddim, 0), InlineData(SamplerKind.Ddim, 0.7)]
    public void EveryRow_LeadsToTheLevelOfTheNext(SamplerKind kind, double eta)
    {
        // With x = √ᾱ·x_0 + √(1 − ᾱ)·ε and a network that knows x_0, x' must have the mean and the variance of the next row's level.
        var plan = Plan(kind, [.. Enumerable.Range(0, 20).Select(index => 950 - (50 * index))], 4, 3, eta);
        for (var index = 0; index < plan.Steps.Count; index++)
        {
            var row = plan.Steps[index];
            var (signalRate, noiseRate) = index + 1 < plan.Steps.Count ? (plan.Steps[index + 1].SignalRate, plan.Steps[index + 1].NoiseRate) : (1, 0);
            var ofNoise = (row.Sample * row.NoiseRate) + row.Epsilon;
            Assert.Equal(signalRate, (row.Sample * row.SignalRate) + row.Original, tolerance: 1e-6);
            Assert.Equal(noiseRate * noiseRate, (ofNoise * ofNoise) + (row.Noise * row.Noise), tolerance: 1e-6);
        }
    }

    [Fact]
    public void OneResampling_ChangesNothing()
    {
        var plain = SamplingPlan.For(Schedule, new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 20 });
        Assert.Equal(plain.Steps, Resampling.Of(plain, 3, 1).Steps);
    }

    [Fact]
    public void ALearnedVariance_IsRefused_WhereStepsGoBack()
    {
        var learned = SamplingPlan.For(Schedule with { VarianceType = "learned_range" }, new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 20 });
        Assert.Contains("resamplings", Assert.Throws<SamplingException>(() => Resampling.Of(learned, 3, 2)).Message, StringComparison.Ordinal);
        Assert.Equal(20, Resampling.Of(learned, 3, 1).Steps.Count);
    }

    private static SamplingPlan Plan(SamplerKind kind, int[] timesteps, int length, int times, double eta = 0) =>
        Resampling.Of(SamplingPlan.For(Schedule, new SamplerConfig { Kind = kind, Timesteps = timesteps, Eta = eta, ClipSample = true }), length, times);
}
