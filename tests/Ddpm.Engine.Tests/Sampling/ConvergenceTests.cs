using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Sampling;

namespace Ddpm.Engine.Tests.Sampling;

/// <summary>Samplers over a distribution whose exact noise estimate and exact solution are known.</summary>
public sealed class ConvergenceTests
{
    // Levels spaced evenly in log σ, as the theory of these solvers assumes, ending at the smallest of training, and at full order to the last step.
    private static readonly NoiseScheduleConfig Even = new()
    {
        ClipSample = false,
        Solver = new SolverConfig { UseExponentialSigmas = true, FinalSigmasType = "sigma_min", LowerOrderFinal = false },
    };

    private static readonly NoiseScheduleConfig Usual = new() { ClipSample = false };

    private static readonly double[] Starts = [-2.1, -1.0, -0.4, 0.1, 0.5, 1.3, 2.0];

    [Theory]
    [InlineData(SamplerKind.DpmSolver, 1, 0.9, 1.1)]
    [InlineData(SamplerKind.DpmSolver, 2, 1.9, 2.1)]
    [InlineData(SamplerKind.Euler, null, 0.9, 1.1)]
    [InlineData(SamplerKind.Heun, null, 1.8, 2.6)]
    [InlineData(SamplerKind.UniPc, 2, 2.8, 3.3)] // the corrector adds an order
    public void Error_FallsWithThePowerOfTheStepThatTheMethodPromises(SamplerKind kind, int? order, double least, double most) =>
        Assert.InRange(Math.Log2(Error(kind, order, steps: 60) / Error(kind, order, steps: 120)), least, most);

    // The multistep third order of the authors' code and of diffusers gives the curvature of x̂₀ half its weight: 2·((e^{-h} − 1 + h) / h² − 1/2) is the
    // integral. So it is more exact than the second order, but in the limit of the same order. Ours gives diffusers' numbers.
    [Fact]
    public void DpmSolversThirdOrder_IsMoreExactThanTheSecond_ThoughOfTheSameOrder()
    {
        Assert.True(Error(SamplerKind.DpmSolver, 3, 120) < Error(SamplerKind.DpmSolver, 2, 120) / 3);
        Assert.InRange(Math.Log2(Error(SamplerKind.DpmSolver, 3, 240) / Error(SamplerKind.DpmSolver, 3, 480)), 1.9, 2.1);
    }

    [Theory]
    [InlineData(SamplerKind.Ddim, 1000, 6e-3)]
    [InlineData(SamplerKind.Euler, 1000, 6e-3)]
    [InlineData(SamplerKind.Heun, 200, 1e-3)]
    [InlineData(SamplerKind.DpmSolver, 200, 5e-3)]
    [InlineData(SamplerKind.UniPc, 200, 5e-3)]
    public void EverySolver_ArrivesWhereTheProbabilityFlowDoes(SamplerKind kind, int steps, double tolerance)
    {
        var plan = SamplingPlan.For(Usual, new SamplerConfig { Kind = kind, Steps = steps });
        Assert.InRange(WorstError(plan, to: (1, 0)), 0, tolerance);
    }

    [Fact]
    public void Ddim_RunBackwardsAndForwards_ComesBackToThePicture()
    {
        double Difference(int steps)
        {
            var plan = SamplingPlan.For(Usual, new SamplerConfig { Kind = SamplerKind.Ddim, Steps = steps });
            return Starts.Max(start =>
            {
                var original = start / 2;
                // Each row is x' = g·x + k·ε̂; backwards, ε̂ is asked for at the level the row leads to. Song et al. 2021, §4.3.
                var latent = original;
                for (var index = steps - 1; index >= 0; index--)
                {
                    var step = plan.Steps[index];
                    var (signal, noise) = plan.RatesBefore(index + 1);
                    var gain = step.Sample + (step.Original * step.Estimate.OriginalOfSample);
                    var epsilon = GaussianMixture.TwoHumps.Epsilon(latent, signal, Math.Max(noise, 1e-6)); // at the clean picture itself there is no noise to ask for
                    latent = (latent - (((step.Original * step.Estimate.OriginalOfOutput) + step.Epsilon) * epsilon)) / gain;
                }

                return Math.Abs(ScalarRun.Through(plan, latent, Exact) - original);
            });
        }

        var (few, many) = (Difference(100), Difference(1000));
        Assert.InRange(many, 0, 0.02);
        Assert.True(many < few / 4, $"{few} with 100 steps, {many} with 1000"); // first order: a tenth, were it exact
    }

    [Fact]
    public void Ddim_WithEtaOne_HasTheMeansOfDdpm()
    {
        var ddpm = SamplingPlan.For(Usual, new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 50 });
        var ddim = SamplingPlan.For(Usual, new SamplerConfig { Kind = SamplerKind.Ddim, Steps = 50, Eta = 1 });
        // Whatever x and ε̂ are. The deviations: SamplingPlanTests.
        foreach (var (left, right) in ddpm.Steps.Zip(ddim.Steps).SkipLast(1))
            foreach (var (x, epsilon) in new[] { (0.8, -0.4), (-1.5, 0.3) })
                Assert.Equal(Mean(left, x, epsilon), Mean(right, x, epsilon), tolerance: 2e-5); // β is a float32 in DDPM

        static double Mean(SamplingStep step, double x, double epsilon)
        {
            var original = (step.Estimate.OriginalOfSample * x) + (step.Estimate.OriginalOfOutput * epsilon);
            return (step.Sample * x) + (step.Original * original) + (step.Epsilon * epsilon);
        }
    }

    [Theory]
    [InlineData(SamplerKind.Ddpm, 0)]
    [InlineData(SamplerKind.Ddim, 1)]
    [InlineData(SamplerKind.Ddim, 0.5)]
    [InlineData(SamplerKind.SdeDpmSolver, 0)]
    public void StochasticSamplers_DrawTheDistribution(SamplerKind kind, double eta)
    {
        const int draws = 4000;
        var plan = SamplingPlan.For(Usual, new SamplerConfig { Kind = kind, Steps = 250, Eta = eta });
        var noise = new float[plan.Steps.Count + 1];
        var values = Enumerable.Range(0, draws).Select(draw =>
        {
            PhiloxNoise.Fill(seed: 11, (uint)draw, 0, noise);
            return ScalarRun.Through(plan, noise[0], Exact, noise.AsSpan(1));
        }).ToList();
        // Kolmogorov–Smirnov against the mixture itself: 1.95 / √n is p = 0.001, and half as much again is left for 250 steps not being infinitely many.
        values.Sort();
        var distance = values.Select((value, index) => Math.Abs(GaussianMixture.TwoHumps.Cumulative(value, 1, 0) - ((index + 0.5) / draws))).Max();
        Assert.InRange(distance, 0, 2.9 / Math.Sqrt(draws));
    }

    private static double Error(SamplerKind kind, int? order, int steps)
    {
        var sampler = new SamplerConfig { Kind = kind, Steps = steps, Order = order };
        var plan = SamplingPlan.For(kind == SamplerKind.Heun ? Usual : Even, sampler with { Karras = kind == SamplerKind.Heun });
        return WorstError(plan, kind == SamplerKind.Heun ? (1, 0) : (plan.Steps[^1].SignalRate, plan.Steps[^1].NoiseRate));
    }

    private static double WorstError(SamplingPlan plan, (double Signal, double Noise) to)
    {
        var first = plan.Steps[0];
        return Starts.Max(start => Math.Abs(
            ScalarRun.Through(plan, start, Exact) - GaussianMixture.TwoHumps.Flow(start, (first.SignalRate, first.NoiseRate), to)));
    }

    private static double Exact(double x, SamplingStep step) => GaussianMixture.TwoHumps.Epsilon(x, step.SignalRate, step.NoiseRate);
}
