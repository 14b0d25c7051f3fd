using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Sampling;

namespace Ddpm.Engine.Tests.Sampling;

public sealed class SamplingPlanTests
{
    private static readonly NoiseScheduleConfig Schedule = new();

    public static TheoryData<SamplerKind, int> Runs => new()
    {
        { SamplerKind.Ddpm, 1000 }, { SamplerKind.Ddpm, 50 }, { SamplerKind.Ddim, 50 }, { SamplerKind.Ddim, 7 }, { SamplerKind.Ddim, 1 },
        { SamplerKind.DpmSolver, 25 }, { SamplerKind.DpmSolver, 10 }, { SamplerKind.DpmSolver, 2 }, { SamplerKind.DpmSolver, 1 },
        { SamplerKind.SdeDpmSolver, 20 }, { SamplerKind.Euler, 20 }, { SamplerKind.Euler, 1 }, { SamplerKind.Heun, 20 }, { SamplerKind.Heun, 1 },
        { SamplerKind.UniPc, 20 }, { SamplerKind.UniPc, 2 }, { SamplerKind.UniPc, 1 },
    };

    [Theory, MemberData(nameof(Runs))]
    public void Plan_RecoversTheOriginal_WhenTheNoiseEstimateIsExact(SamplerKind kind, int steps)
    {
        var plan = SamplingPlan.For(Schedule, new SamplerConfig { Kind = kind, Steps = steps });
        const double original = 0.37;
        var start = (plan.Steps[0].SignalRate * original) + (plan.Steps[0].NoiseRate * 1.3);
        var end = ScalarRun.Through(plan, start, (x, step) => (x - (step.SignalRate * original)) / step.NoiseRate);
        Assert.Equal(original, end, tolerance: 1e-9);
        Assert.Equal(kind == SamplerKind.Heun ? (2 * steps) - 1 : steps, plan.Steps.Count);
    }

    [Fact]
    public void Ddpm_ArticlesFormAndClippedFormAreTheSameStep_WhereNothingIsClipped()
    {
        var article = SamplingPlan.For(Schedule, new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 100, ClipSample = false });
        var clipped = SamplingPlan.For(Schedule, new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 100, ClipSample = true });
        Assert.Null(article.Bound);
        Assert.Equal(new OriginalBound(1), clipped.Bound);
        foreach (var (left, right) in article.Steps.Zip(clipped.Steps))
        {
            var (x, epsilon) = (0.8, -0.4);
            var original = (x - (right.NoiseRate * epsilon)) / right.SignalRate;
            Assert.Equal((right.Sample * x) + (right.Original * original), (left.Sample * x) + (left.Epsilon * epsilon), tolerance: 1e-4); // β is a float32 in both
            Assert.Equal(right.Noise, left.Noise);
        }
    }

    [Fact]
    public void Ddim_WithEtaOne_AddsTheNoiseOfDdpm()
    {
        var ddpm = SamplingPlan.For(Schedule, new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 50 });
        var ddim = SamplingPlan.For(Schedule, new SamplerConfig { Kind = SamplerKind.Ddim, Steps = 50, Eta = 1 });
        foreach (var (left, right) in ddpm.Steps.Zip(ddim.Steps).SkipLast(1))
            Assert.Equal(left.Noise, right.Noise, tolerance: 1e-7); // β in float32 there
    }

    [Theory, InlineData(TimestepSpacing.Leading, 980, 0), InlineData(TimestepSpacing.Trailing, 999, 19), InlineData(TimestepSpacing.Linspace, 999, 0)]
    public void Spacing_DecidesTheFirstAndTheLastTimestep(TimestepSpacing spacing, double first, double last)
    {
        var plan = SamplingPlan.For(Schedule, new SamplerConfig { Kind = SamplerKind.Ddim, Steps = 50, Spacing = spacing });
        Assert.Equal((first, last), (plan.Steps[0].Timestep, plan.Steps[^1].Timestep));
    }

    [Theory, InlineData(0), InlineData(1000)]
    public void Plan_IsRefused_WhenTheStepsDoNotFitTheSchedule(int steps)
    {
        var fault = Assert.Throws<SamplingException>(() => SamplingPlan.For(Schedule, new SamplerConfig { Kind = SamplerKind.DpmSolver, Steps = steps }));
        Assert.Contains("1 to 999", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryNumberOfSteps_GivesAPlanOfFiniteNumbers()
    {
        foreach (var kind in Enum.GetValues<SamplerKind>())
            foreach (var spacing in Enum.GetValues<TimestepSpacing>())
            {
                var sampler = new SamplerConfig { Kind = kind, Spacing = spacing };
                foreach (var steps in Enumerable.Range(1, 100).Append(sampler.MostSteps(Schedule)))
                    foreach (var row in SamplingPlan.For(Schedule, sampler with { Steps = steps }).Steps)
                        Assert.True(double.IsFinite(row.Sample + row.Original + row.Epsilon + row.History1 + row.History2 + row.History3 + row.Noise), $"{kind} {spacing} {steps}: {row}");
            }
    }

    [Theory] // where T − i·T/n lies half-way between two timesteps, what numpy's arange gives decides
    [InlineData(1000, 48, 3, 936)]
    [InlineData(1000, 50, 1, 979)]
    [InlineData(1000, 3, 2, 332)]
    public void Trailing_RoundsAsNumpyDoes(int timesteps, int steps, int index, int expected)
    {
        var plan = SamplingPlan.For(Schedule with { Timesteps = timesteps }, new SamplerConfig { Steps = steps, Spacing = TimestepSpacing.Trailing });
        Assert.Equal(expected, plan.Steps[index].Timestep);
        Assert.Equal(steps, plan.Steps.Count);
    }

    [Fact]
    public void Ddim_WithTheClippedModelOutput_IsTheSameStep_WhereNothingWasClipped()
    {
        var plain = SamplingPlan.For(Schedule, new SamplerConfig { Steps = 20, Eta = 0.5 });
        var clipped = SamplingPlan.For(Schedule, new SamplerConfig { Steps = 20, Eta = 0.5, UseClippedModelOutput = true });
        foreach (var (left, right) in plain.Steps.Zip(clipped.Steps))
        {
            var (x, epsilon) = (0.8, -0.4);
            var original = (x - (left.NoiseRate * epsilon)) / left.SignalRate;
            Assert.Equal((left.Original * original) + (left.Epsilon * epsilon), (right.Sample * x) + (right.Original * original), tolerance: 1e-9);
            Assert.Equal((0, left.Noise), (right.Epsilon, right.Noise));
        }
    }

    [Fact]
    public void For_RefusesTimestepsBehindTheLast_WhichAnOffsetCanReach()
    {
        var fault = Assert.Throws<SamplingException>(() => SamplingPlan.For(Schedule with { StepsOffset = 2 }, new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 500 }));
        Assert.Contains("steps_offset", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ddpm_LeavesOutTheTimestepsThatAnOffsetMovesBehindTheLast_WhereNoStepsAreAskedFor() =>
        Assert.Equal(999, SamplingPlan.For(Schedule with { StepsOffset = 1 }, new SamplerConfig { Kind = SamplerKind.Ddpm }).Steps.Count);

    [Theory]
    [InlineData(SamplerKind.Ddpm, 0.5, null, null, "eta")]
    [InlineData(SamplerKind.Euler, 0.0, 2, null, "order")]
    [InlineData(SamplerKind.Ddim, 0.0, null, true, "karras")]
    public void For_RefusesWhatOnlyAnotherSamplerReads(SamplerKind kind, double eta, int? order, bool? karras, string named)
    {
        var fault = Assert.Throws<SamplingException>(() => SamplingPlan.For(Schedule, new SamplerConfig { Kind = kind, Eta = eta, Order = order, Karras = karras }));
        Assert.StartsWith(named, fault.Message, StringComparison.Ordinal);
    }

    [Theory] // the least level of training twice, the noisiest level of zero SNR, a rounded ᾱ that is not monotone there
    [InlineData(SamplerKind.UniPc, true), InlineData(SamplerKind.DpmSolver, true), InlineData(SamplerKind.UniPc, false), InlineData(SamplerKind.Euler, false)]
    public void KarrasLevels_GiveFiniteNumbers_AndBeginAtTheLastTimestep(SamplerKind kind, bool endsAtTraining)
    {
        var solver = new SolverConfig { SolverOrder = 3, FinalSigmasType = endsAtTraining ? "sigma_min" : "zero", LowerOrderFinal = endsAtTraining ? false : null };
        var schedule = Schedule with { PredictionType = "v_prediction", RescaleBetasZeroSnr = true, Solver = solver };
        var plan = SamplingPlan.For(schedule, new SamplerConfig { Kind = kind, Steps = 20, Karras = true });
        Assert.Equal(999, plan.Steps[0].Timestep);
        Assert.All(plan.Steps, row => Assert.True(double.IsFinite(row.Sample + row.Original + row.Epsilon + row.History1 + row.History2 + row.History3), $"{row}"));
    }

    [Fact]
    public void ASolverAskedForByName_IsThatSolver_WhateverTheFileNames()
    {
        var old = Schedule with { SchedulerClass = "DPMSolverMultistepScheduler", Solver = new SolverConfig { AlgorithmType = "dpmsolver", FinalSigmasType = "sigma_min" } };
        Assert.All(SamplingPlan.For(old, new SamplerConfig { Kind = SamplerKind.DpmSolver, Steps = 10 }).Steps, row => Assert.Equal(new Blend(0, 1, 0), row.Memory));
        Assert.All(SamplingPlan.For(old with { ClipSample = false }, new SamplerConfig { Steps = 10 }).Steps, row => Assert.Equal(new Blend(0, 0, 1), row.Memory));
    }

    [Fact]
    public void AFileThatDoesNotKnowClipping_IsClippedByDdim_AndNotByItsOwnSolver()
    {
        var euler = NoiseScheduleConfig.FromJson("""{"_class_name": "EulerDiscreteScheduler"}""");
        Assert.NotNull(SamplingPlan.For(euler, new SamplerConfig { Kind = SamplerKind.Ddim }).Bound);
        Assert.Null(SamplingPlan.For(euler, new SamplerConfig()).Bound);
    }

    [Theory, MemberData(nameof(Runs))]
    public void Plan_OfPartOfARun_RecoversTheOriginal_WithNothingToLookBackOn(SamplerKind kind, int steps)
    {
        var sampler = new SamplerConfig { Kind = kind, Steps = steps };
        var whole = SamplingPlan.For(Schedule, sampler);
        foreach (var strength in new[] { 0, 0.2, 0.5, 0.9 })
        {
            var part = SamplingPlan.For(Schedule, sampler, strength);
            var calls = (int)Math.Round(strength * steps);
            Assert.Equal(kind == SamplerKind.Heun && calls > 0 ? (2 * calls) - 1 : calls, part.Steps.Count);
            if (calls == 0)
                continue;
            Assert.Equal(whole.Steps.TakeLast(part.Steps.Count).Select(step => step.Timestep), part.Steps.Select(step => step.Timestep));
            Assert.Equal((0, 0, 0), (part.Steps[0].History1, part.Steps[0].History2, part.Steps[0].History3));
            var start = (part.Steps[0].SignalRate * 0.37) + (part.Steps[0].NoiseRate * 1.3);
            Assert.Equal(0.37, ScalarRun.Through(part, start, (x, step) => (x - (step.SignalRate * 0.37)) / step.NoiseRate), tolerance: 1e-9);
        }
    }
}
