using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Sampling;

namespace Ddpm.Engine.Tests.Diffusion;

/// <summary>q(x_{t−1} | x_t, x_0), on which a DDPM step rests, against draws of the forward process, one step after the other.</summary>
public sealed class PosteriorTests
{
    [Theory, InlineData(600, 400), InlineData(999, 700), InlineData(120, 40)]
    public void DdpmStep_IsTheRegressionOfTheEarlierOnTheLaterLevel(int timestep, int previous)
    {
        const int draws = 200_000;
        const double original = 0.6;
        var schedule = NoiseSchedule.Linear();
        var step = SamplingPlan.For(new NoiseScheduleConfig(), new SamplerConfig { Kind = SamplerKind.Ddpm, Timesteps = [timestep, previous] }).Steps[0];

        // Eq. 2 taken twice: to the earlier level, and on to the later one.
        var noise = new float[2 * draws];
        PhiloxNoise.Fill(seed: 5, image: 0, step: 0, noise);
        var (ᾱ, ᾱPrevious) = (schedule.AlphasCumprod[timestep], schedule.AlphasCumprod[previous]);
        var alpha = ᾱ / ᾱPrevious;
        var pairs = Enumerable.Range(0, draws).Select(draw =>
        {
            var earlier = (Math.Sqrt(ᾱPrevious) * original) + (Math.Sqrt(1 - ᾱPrevious) * noise[2 * draw]);
            return (Earlier: earlier, Later: (Math.Sqrt(alpha) * earlier) + (Math.Sqrt(1 - alpha) * noise[(2 * draw) + 1]));
        }).ToList();

        var (earlierMean, laterMean) = (pairs.Average(pair => pair.Earlier), pairs.Average(pair => pair.Later));
        var laterVariance = pairs.Average(pair => (pair.Later - laterMean) * (pair.Later - laterMean));
        var slope = pairs.Average(pair => (pair.Earlier - earlierMean) * (pair.Later - laterMean)) / laterVariance;
        var residuals = pairs.Average(pair => Math.Pow(pair.Earlier - earlierMean - (slope * (pair.Later - laterMean)), 2));

        // Five standard errors each.
        Assert.Equal(step.Sample, slope, tolerance: 5 * Math.Sqrt(residuals / laterVariance / draws));
        Assert.Equal(step.Original * original, earlierMean - (slope * laterMean), tolerance: 5 * Math.Sqrt(residuals * (1 + (laterMean * laterMean / laterVariance)) / draws));
        Assert.Equal(step.Noise * step.Noise, residuals, tolerance: 5 * residuals * Math.Sqrt(2.0 / draws));
    }
}
