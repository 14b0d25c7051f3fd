using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;

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
    [InlineData("""{"prediction_type": "v_prediction"}""", "prediction_type")]
    [InlineData("""{"thresholding": true}""", "thresholding")]
    public void FromJson_NamesWhatItCannotUse(string json, string named)
    {
        var fault = Assert.Throws<CheckpointException>(() => NoiseScheduleConfig.FromJson(json));
        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }
}
