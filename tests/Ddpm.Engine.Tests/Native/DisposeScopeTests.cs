using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Steps;
using Ddpm.Engine.Tests.Checkpoints;
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
    private const int Side = 8;

    [Fact]
    public void Training_MakesNothingOutsideAScope()
    {
        var config = Config with { TotalSteps = 3, CheckpointEverySteps = 2, PreviewEverySteps = 2 };
        AssertNothingOutside(() => Train(config with { Precision = TrainingPrecision.BFloat16, LossWeighting = new LossWeighting { Kind = LossWeightingKind.MinSnr } }, "narrow"));
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
        SamplingPlan[] plans =
            [.. Enum.GetValues<SamplerKind>().Select(kind => SamplingPlan.For(new NoiseScheduleConfig(), new SamplerConfig { Kind = kind, Steps = 3, Spacing = TimestepSpacing.Trailing }))];
        AssertNothingOutside(() =>
        {
            DiffusionModel.Load(Folder["model"], CPU).Dispose();
            using var loaded = CheckpointFolders.LoadNetwork(Folder["model"]);
            new DenoisingLoop(loaded, CPU).Run([.. plans.Select((plan, index) => new ImageToDraw(plan, 1, (uint)index))], Side, Side, null, CancellationToken.None).Dispose();

            // What runs on a GPU; Sample's own loop has threads of its own, which are not counted here.
            using var stepper = new DeviceStepper(new StepNetwork((sample, timesteps, labels) => loaded.call(sample, timesteps, labels), loaded.Config.InChannels, CPU), Side, Side);
            RunningImage[] images = [.. plans.Select((plan, index) => new RunningImage(new ImageToDraw(plan, 1, (uint)index), index))];
            while (images.Where(image => !image.IsDone).ToList() is { Count: > 0 } active)
                stepper.Advance(active);
            Assert.All(images, image => stepper.Take(image, new float[loaded.Config.InChannels * Side * Side]));
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
