using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Tests.Training;
using Ddpm.Engine.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Native;

/// <summary>A tensor that is made on the way to another is held by a scope.</summary>
/// <remarks>TorchSharp 0.107 hands libtorch the address of a tensor and keeps no hold of it during the call: of <c>zeros_like(x).detach()</c>, outside a scope, a collection at that moment frees
/// the zeros while they are read, and the process ends with a segmentation fault. A scope holds what was made in it.</remarks>
public sealed class DisposeScopeTests : TrainerRuns
{
    [Fact]
    public void Training_MakesNothingOutsideAScope()
    {
        var config = Config with { TotalSteps = 3, CheckpointEverySteps = 2, PreviewEverySteps = 2 };
        AssertNothingOutside(() => Train(config with { Precision = TrainingPrecision.BFloat16 }, "narrow"));
        AssertNothingOutside(() =>
        {
            using var stop = new CancellationTokenSource();
            var stopped = Train(config, "stopped", new Recorder { AfterStep = _ => stop.Cancel() }, stop: stop);
            Train(config, "stopped", resumeFrom: stopped.Checkpoint!.Folder);
        });
    }

    [Theory, InlineData("positional"), InlineData("fourier")]
    public void Drawing_MakesNothingOutsideAScope(string timeEmbedding)
    {
        using var network = TinyModel.Build(TinyModel.Network with { TimeEmbeddingType = timeEmbedding });
        DiffusersFolder.Write(Folder["model"], network, new NoiseScheduleConfig());
        AssertNothingOutside(() =>
        {
            using var model = DiffusionModel.Load(Folder["model"], CPU);
            foreach (var kind in Enum.GetValues<SamplerKind>())
                model.Sample(new SampleRequest { Count = 2, Seed = 1, Sampler = new SamplerConfig { Kind = kind, Steps = 3, Spacing = TimestepSpacing.Trailing } }, null, CancellationToken.None);
        });
    }

    [Fact]
    public void ATensorOutsideAScope_IsCounted() => Assert.Equal(2, MadeOutside(() => zeros(1).detach().Dispose()));

    private static void AssertNothingOutside(Action action) => Assert.Equal(0, MadeOutside(action));

    // Of this thread.
    private static long MadeOutside(Action action)
    {
        var before = DisposeScopeManager.Statistics.TensorStatistics.CreatedOutsideScopeCount;
        action();
        return DisposeScopeManager.Statistics.TensorStatistics.CreatedOutsideScopeCount - before;
    }
}
