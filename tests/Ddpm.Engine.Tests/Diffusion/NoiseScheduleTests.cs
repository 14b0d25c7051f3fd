using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Diffusion;

public sealed class NoiseScheduleTests
{
    [Theory, InlineData(0, 1e-4), InlineData(487, 0.0098), InlineData(999, 0.02)]
    public void Linear_RisesFromTheFirstToTheLastBeta(int timestep, double beta) =>
        Assert.Equal(beta, NoiseSchedule.Linear().Betas[timestep], tolerance: 1e-5);

    [Fact]
    public void AlphasCumprod_FallsToAlmostNothing()
    {
        var schedule = NoiseSchedule.Linear();
        Assert.Equal(0.9999, schedule.AlphasCumprod[0], tolerance: 1e-7);
        Assert.Equal(4.0358e-5, schedule.AlphasCumprod[^1], tolerance: 1e-8); // as published for T = 1000
        Assert.Equal(schedule.AlphasCumprod.OrderDescending(), schedule.AlphasCumprod);
    }

    [Fact]
    public void AddNoise_HasTheMeanAndVarianceOfTheClosedForm()
    {
        TorchRuntime.Initialize();
        using var scope = NewDisposeScope();
        var schedule = NoiseSchedule.Linear();
        using var forward = new ForwardProcess(schedule, CPU);
        var generator = new Generator(5, CPU);
        const int timestep = 300;
        var noisy = forward.AddNoise(full([64, 3, 32, 32], 0.5), randn([64, 3, 32, 32], generator: generator), full([64], timestep, dtype: ScalarType.Int64));
        var values = 64 * 3 * 32 * 32;
        Assert.Equal(0.5 * Math.Sqrt(schedule.AlphasCumprod[timestep]), noisy.mean().item<float>(), tolerance: 5 / Math.Sqrt(values));
        Assert.Equal(1 - schedule.AlphasCumprod[timestep], noisy.var().item<float>(), tolerance: 5 * Math.Sqrt(2.0 / values));
    }

    [Theory]
    [InlineData("""{"beta_end": 1.5}""", "beta_end")]
    [InlineData("""{"beta_start": 0}""", "beta_start")]
    [InlineData("""{"beta_schedule": "exponential"}""", "beta_schedule")]
    [InlineData("""{"prediction_type": "flow_prediction"}""", "prediction_type")]
    [InlineData("""{"num_train_timesteps": 0}""", "num_train_timesteps")]
    [InlineData("""{"num_train_timesteps": "many"}""", "num_train_timesteps")]
    [InlineData("""{"thresholding": true, "dynamic_thresholding_ratio": 1.5}""", "dynamic_thresholding_ratio")]
    [InlineData("""{"rescale_betas_zero_snr": true}""", "rescale_betas_zero_snr")]
    [InlineData("""{"variance_type": "learned"}""", "variance_type")]
    [InlineData("""{"trained_betas": [0.1]}""", "trained_betas")]
    [InlineData("""{"timestep_spacing": "quadratic"}""", "timestep_spacing")]
    public void FromJson_NamesTheField_WhenItIsNotSupported(string json, string named)
    {
        var fault = Assert.Throws<CheckpointException>(() => NoiseScheduleConfig.FromJson(json));
        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Config_IsReadAsPythonWritesIt_WithInfinityWhereNoSamplerLooks()
    {
        var config = NoiseScheduleConfig.FromJson("""{"lambda_min_clipped": -Infinity, "note": "NaN \" Infinity", "beta_end": 0.03}""");
        Assert.Equal(0.03, config.BetaEnd);
        Assert.Throws<CheckpointException>(() => NoiseScheduleConfig.FromJson("""{"beta_end": Infinity}"""));
    }
}
