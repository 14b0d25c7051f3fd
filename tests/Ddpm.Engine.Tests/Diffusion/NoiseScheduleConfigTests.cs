using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Sampling;

namespace Ddpm.Engine.Tests.Diffusion;

public sealed class NoiseScheduleConfigTests
{
    // As DPMSolverMultistepScheduler.save_pretrained writes it, less the keys that only it reads.
    private const string DpmSolver =
        """
        {
          "_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.40.0", "algorithm_type": "dpmsolver++", "beta_end": 0.02,
          "beta_schedule": "linear", "beta_start": 0.0001, "lambda_min_clipped": -Infinity, "num_train_timesteps": 1000, "prediction_type": "epsilon",
          "solver_order": 2, "steps_offset": 0, "thresholding": false, "timestep_spacing": "linspace", "trained_betas": null, "variance_type": null
        }
        """;

    [Fact]
    public void FromJson_ReadsTheFileOfAnotherSampler()
    {
        var config = NoiseScheduleConfig.FromJson(DpmSolver);
        Assert.Equal((1000, "linspace", "fixed_small"), (config.Timesteps, config.TimestepSpacing, config.VarianceType));
    }

    [Theory]
    [InlineData("""{"_class_name": "CMStochasticIterativeScheduler"}""", "CMStochasticIterativeScheduler")]
    [InlineData("""{"beta_end": 0.5}""", "beta_end")]
    [InlineData("""{"num_train_timesteps": 20000}""", "fewer timesteps")]
    [InlineData("""{"beta_start": 1e-9}""", "beta_start")]
    [InlineData("""{"thresholding": true, "sample_max_value": 0.5}""", "sample_max_value")]
    [InlineData("""{"trained_betas": [0.1, 1.5], "num_train_timesteps": 2}""", "trained_betas")]
    [InlineData("""{"solver_order": 4}""", "solver_order")]
    [InlineData("""{"algorithm_type": "sde-dpmsolver"}""", "algorithm_type")]
    [InlineData("""{"final_sigmas_type": "one"}""", "final_sigmas_type")]
    [InlineData("""{"use_flow_sigmas": true}""", "use_flow_sigmas")]
    [InlineData("""{"use_beta_sigmas": true}""", "use_beta_sigmas")]
    [InlineData("""{"use_karras_sigmas": true, "use_exponential_sigmas": true}""", "use_karras_sigmas")]
    public void FromJson_NamesWhatItCannotUse(string json, string named)
    {
        var fault = Assert.Throws<CheckpointException>(() => NoiseScheduleConfig.FromJson(json));
        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DPMSolverMultistepScheduler", SamplerKind.DpmSolver, false)]
    [InlineData("EulerDiscreteScheduler", SamplerKind.Euler, false)]
    [InlineData("HeunDiscreteScheduler", SamplerKind.Heun, false)]
    [InlineData("UniPCMultistepScheduler", SamplerKind.UniPc, false)]
    [InlineData("DDIMScheduler", SamplerKind.Ddim, true)]
    [InlineData("DDPMScheduler", SamplerKind.Ddim, true)] // nobody who does not ask wants to wait for a thousand steps
    public void AFilesClass_DecidesTheSampler_WhereNobodyAsksForAnother(string name, SamplerKind expected, bool clips)
    {
        var config = NoiseScheduleConfig.FromJson($$"""{"_class_name": "{{name}}"}""");
        Assert.Equal(expected, new SamplerConfig().KindFor(config));
        Assert.Equal(clips, SamplingPlan.For(config, new SamplerConfig()).Bound is not null);
    }

    [Fact]
    public void Heun_HasItsOwnDefaultBetas() =>
        Assert.Equal((0.00085, 0.012), NoiseScheduleConfig.FromJson("""{"_class_name": "HeunDiscreteScheduler"}""") is var config ? (config.BetaStart, config.BetaEnd) : default);

    [Fact]
    public void ZeroTerminalSnr_LeavesNothingOfThePicture_AndKeepsTheFirstLevel()
    {
        var plain = NoiseSchedule.Linear();
        var rescaled = NoiseSchedule.From(new NoiseScheduleConfig { PredictionType = "v_prediction", RescaleBetasZeroSnr = true });
        Assert.Equal(0, rescaled.AlphasCumprod[^1]);
        Assert.Equal(plain.AlphasCumprod[0], rescaled.AlphasCumprod[0], tolerance: 1e-6);
        Assert.Equal(rescaled.AlphasCumprod.OrderDescending(), rescaled.AlphasCumprod);
    }
}
