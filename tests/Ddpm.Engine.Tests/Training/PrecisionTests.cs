using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Training;

public sealed class PrecisionTests : TrainerRuns
{
    [Fact]
    public void Run_InBfloat16_EndsInTheSameWeights_WhenItWasStoppedAndResumed()
    {
        var config = Config with { Precision = TrainingPrecision.BFloat16, GradientAccumulationSteps = 2 };
        var whole = Train(config, "whole");
        using var stop = new CancellationTokenSource();
        var stopped = Train(config, "parts", new Recorder { AfterStep = step => { if (step == 5) stop.Cancel(); } }, stop: stop);
        AssertSameCheckpoint(whole.Checkpoint!.Folder, Train(config, "parts", resumeFrom: stopped.Checkpoint!.Folder).Checkpoint!.Folder);
        Assert.NotEqual(Train(Config with { GradientAccumulationSteps = 2 }, "float32").Checkpoint!.Sha256, whole.Checkpoint.Sha256);
    }

    [Fact]
    public void Bfloat16_FollowsFloat32_AndKeepsWhatItAddsUpInFloat32()
    {
        var (wide, narrow) = (new Recorder(), new Recorder());
        Train(Config, "wide", wide);
        var checkpoint = Train(Config with { Precision = TrainingPrecision.BFloat16 }, "narrow", narrow).Checkpoint!;
        Assert.All(wide.Progress.Zip(narrow.Progress), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 0.01 * pair.First.Loss)); // 8 bits of precision
        Assert.All(wide.Progress.Zip(narrow.Progress), pair => Assert.Equal(pair.First.GradNorm, pair.Second.GradNorm, 0.05 * pair.First.GradNorm));

        using var weights = Safetensors.Open(Path.Combine(checkpoint.Folder, "training", "raw_weights.safetensors"));
        Assert.All(weights.Entries, entry => Assert.Equal("F32", entry.Dtype));
        using var scope = NewDisposeScope();
        var weight = weights.Read("conv_in.weight");
        Assert.False(weight.to(ScalarType.BFloat16).to(ScalarType.Float32).equal(weight).all().item<bool>()); // finer than bfloat16
    }

    [Fact]
    public void Float16_LowersTheLossScaleUntilGradientsFit_AndGoesOnWithItAfterAStop()
    {
        var config = Config with { Precision = TrainingPrecision.Float16, TotalSteps = 4, BatchSize = 1 };
        var recorder = new Recorder();
        var whole = Train(config, "whole", recorder);
        Assert.Equal(65536, recorder.Progress[0].LossScale);
        Assert.All(recorder.Progress, progress => Assert.True(double.IsFinite(progress.Loss)));

        using var stop = new CancellationTokenSource();
        var stopped = Train(config, "parts", new Recorder { AfterStep = step => { if (step == 2) stop.Cancel(); } }, stop: stop);
        AssertSameCheckpoint(whole.Checkpoint!.Folder, Train(config, "parts", resumeFrom: stopped.Checkpoint!.Folder).Checkpoint!.Folder);

        var plain = new Recorder();
        Train(config with { Precision = TrainingPrecision.Float32 }, "plain", plain);
        foreach (var (wide, narrow) in plain.Progress.Zip(recorder.Progress).Where(pair => !pair.Second.Skipped).Take(1))
            Assert.Equal(wide.GradNorm, narrow.GradNorm, 0.02 * wide.GradNorm); // the scale is taken out again
    }

    [Fact]
    public void Float16_LeavesAStepOut_WhereItsGradientOverflows_AndHalvesTheScale()
    {
        // No network's gradients fit with this scale, nor with its half.
        var config = Config with { Precision = TrainingPrecision.Float16, TotalSteps = 3, BatchSize = 1 };
        var first = Train(config with { TotalSteps = 1 }, "first").Checkpoint!.Folder;
        var state = Path.Combine(first, "training", "state.json");
        File.WriteAllText(state, System.Text.RegularExpressions.Regex.Replace(File.ReadAllText(state), "\"loss_scale\": [0-9.]+", "\"loss_scale\": 1E+30"));
        File.Delete(Path.Combine(first, TrainingCheckpoint.ListFile)); // in which this state does not stand
        var recorder = new Recorder();
        var result = Train(config, "second", recorder, resumeFrom: first);
        Assert.Equal([1e30, 5e29], recorder.Progress.Select(progress => progress.LossScale!.Value));
        Assert.All(recorder.Progress, progress => Assert.True(progress.Skipped));
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(first, "training", "raw_weights.safetensors")),
            File.ReadAllBytes(Path.Combine(result.Checkpoint!.Folder, "training", "raw_weights.safetensors")));
    }

    [Fact]
    public void GradientCheckpointing_ChangesNothingButTheMemory()
    {
        var (kept, recomputed) = (new Recorder(), new Recorder());
        var network = TinyModel.Network with { Dropout = 0.3 };
        Train(Config, "kept", kept, network: network);
        Train(Config with { GradientCheckpointing = true }, "recomputed", recomputed, network: network);
        Assert.All(kept.Progress.Zip(recomputed.Progress), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-4));
        Assert.Equal(kept.Progress[0].Loss, recomputed.Progress[0].Loss); // before rounding has added up
    }
}
