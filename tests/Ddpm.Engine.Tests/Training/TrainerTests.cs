using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Tests.Data;
using Ddpm.Engine.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Training;

public sealed class TrainerTests : TrainerRuns
{
    [Theory, InlineData(0.0), InlineData(0.3)]
    public void Run_EndsInTheSameWeights_WhenItWasStoppedAndResumed(double dropout)
    {
        var config = Config with { GradientAccumulationSteps = 2 };
        var network = TinyModel.Network with { Dropout = dropout };
        var undisturbed = Train(config, "whole", network: network);
        Assert.True(undisturbed.Completed);

        using var stop = new CancellationTokenSource();
        var stopped = Train(config, "parts", new Recorder { AfterStep = step => { if (step == 5) stop.Cancel(); } }, stop: stop, network: network);
        Assert.Equal((false, 5L), (stopped.Completed, stopped.Step));
        var resumed = Train(config, "parts", resumeFrom: stopped.Checkpoint!.Folder, network: network);

        foreach (var file in Directory.EnumerateFiles(undisturbed.Checkpoint!.Folder, "*", SearchOption.AllDirectories))
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(resumed.Checkpoint!.Folder, Path.GetRelativePath(undisturbed.Checkpoint.Folder, file))));
    }

    [Fact]
    public void Run_ReportsEveryStep_AndDrawsPreviewsAndCheckpointsWhenAsked()
    {
        var recorder = new Recorder();
        Train(Config with { PreviewEverySteps = 4, CheckpointEverySteps = 6, PreviewImages = 3 }, "run", recorder);
        Assert.Equal(Enumerable.Range(1, 10).Select(step => (long)step), recorder.Progress.Select(progress => progress.Step));
        Assert.Equal([4L, 8, 10], recorder.Previews.Select(preview => preview.Step));
        Assert.All(recorder.Previews, preview => Assert.Equal((3, 3, 8, 8), (preview.Images.Count, preview.Images.Channels, preview.Images.Height, preview.Images.Width)));
        Assert.Equal([6L, 10], recorder.Checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.Equal(0, recorder.Progress[0].LearningRate); // warm-up starts from nothing
        Assert.Equal(10 / 3.0, recorder.Progress[^1].Epoch, tolerance: 1e-9); // ten pictures in batches of four: three batches an epoch
        Assert.All(recorder.Progress, progress => Assert.True(progress is { ImagesPerSecond: > 0, GradNorm: > 0, Loss: > 0 }));
    }

    [Fact]
    public void Checkpoint_HoldsTheAverage_AndTheRawWeightsBesideIt()
    {
        var result = Train(Config, "run");
        Assert.True(result.Checkpoint!.Ema);
        var averaged = File.ReadAllBytes(Path.Combine(result.Checkpoint.Folder, "unet", "diffusion_pytorch_model.safetensors"));
        var raw = File.ReadAllBytes(Path.Combine(result.Checkpoint.Folder, "training", "raw_weights.safetensors"));
        Assert.NotEqual(averaged, raw);
        var plain = Train(Config with { EmaDecay = 0 }, "plain").Checkpoint!;
        Assert.Equal(raw, File.ReadAllBytes(Path.Combine(plain.Folder, "unet", "diffusion_pytorch_model.safetensors")));
    }

    [Fact]
    public void Resume_IsRefused_WhenTheCheckpointIsDamagedOrOfOtherPictures()
    {
        var checkpoint = Train(Config, "run").Checkpoint!.Folder;
        using (var others = SmallDataset.OfNumbers(Folder["others"], 9))
            Assert.Contains("other pictures", Assert.Throws<TrainingException>(() => Make(Config, "again", others, resumeFrom: checkpoint).Dispose()).Message, StringComparison.Ordinal);
        var moments = Path.Combine(checkpoint, "training", "adamw.safetensors");
        var bytes = File.ReadAllBytes(moments);
        bytes[^1] ^= 1;
        File.WriteAllBytes(moments, bytes);
        Assert.Contains("damaged", Assert.Throws<CheckpointException>(() => Make(Config, "again", resumeFrom: checkpoint).Dispose()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Resume_IsRefused_WhenItWouldNotBeTheSameRun()
    {
        var checkpoint = Train(Config, "run").Checkpoint!.Folder;
        AssertRefused<TrainingException>("batches of 4", Config with { BatchSize = 5 }, TinyModel.Network, new NoiseScheduleConfig());
        AssertRefused<CheckpointException>("another network", Config, TinyModel.Network with { AttentionHeadDim = 4 }, new NoiseScheduleConfig());
        AssertRefused<CheckpointException>("another noise schedule", Config, TinyModel.Network, new NoiseScheduleConfig { BetaSchedule = "scaled_linear" });

        void AssertRefused<T>(string named, TrainingConfig config, UNetConfig network, NoiseScheduleConfig schedule)
            where T : Exception =>
            Assert.Contains(named, Assert.Throws<T>(() => new Trainer(config, network, schedule, Dataset, CPU, Folder["again"], checkpoint).Dispose()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void StepsOf_RoundsTheWholeRunUp_AndNotEachEpoch()
    {
        var config = Config with { GradientAccumulationSteps = 4 }; // ten pictures in batches of four: three passes an epoch
        Assert.Equal(1, Trainer.StepsPerEpoch(10, config));
        Assert.Equal(38, Trainer.StepsOf(50, 10, config));
    }

    [Fact]
    public void Trainer_RefusesPreviewsThatCannotBeDrawn_BeforeItTrains() =>
        Assert.Contains("steps is 100", Assert.Throws<TrainingException>(() => new Trainer(
            Config with { PreviewSampler = new SamplerConfig { Steps = 100 } }, TinyModel.Network, new NoiseScheduleConfig { Timesteps = 50 }, Dataset, CPU, Folder["run"]).Dispose()).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Trainer_SaysWhatDoesNotFit()
    {
        var fault = Assert.Throws<TrainingException>(() => new Trainer(
            Config with { LearningRate = -1 }, TinyModel.Network with { SampleSize = 16 }, new NoiseScheduleConfig(), Dataset, CPU, Folder["run"]).Dispose());
        Assert.Contains("LearningRate is -1", fault.Message, StringComparison.Ordinal);
        Assert.Contains("sample_size is 16", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_StopsBetweenTwoPasses_WhenAStepTakesLong()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        var result = Train(Config with { GradientAccumulationSteps = 1_000_000 }, "run", stop: stop); // hours a step
        Assert.Equal(new TrainingResult(Completed: false, Step: 0, Checkpoint: null), result);
    }

    [Fact]
    public void Run_LeavesNoTensorBehind()
    {
        using var trainer = Make(Config with { TotalSteps = 40 }, "run");
        var counts = new List<long>();
        trainer.Run(new Recorder { AfterStep = _ => counts.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount) }, CancellationToken.None);
        Assert.Equal(counts[10], counts[^1]);
    }

    [Fact]
    public void Run_EndsWithACheckpoint_WhenItsTimeIsUp()
    {
        var recorder = new Recorder();
        var result = Train(Config with { TotalSteps = 1_000_000, MaxDuration = TimeSpan.FromMilliseconds(1), PreviewEverySteps = 1_000_000, PreviewImages = 1 }, "run", recorder);
        Assert.Equal((true, true, recorder.Progress[^1].Step), (result.Completed, result.TimeIsUp, result.Step));
        Assert.Equal((result.Step, result.Step), (result.Checkpoint!.Step, Assert.Single(recorder.Previews).Step));
        Assert.True(result.Step < 1_000_000 && recorder.Progress[^1].Remaining < TimeSpan.FromSeconds(1));
        Assert.False(Train(Config with { MaxDuration = TimeSpan.FromHours(1) }, "short").TimeIsUp);
    }

    [Fact]
    public void Progress_SaysHowFarTheAverageIsFromTheWeights()
    {
        var recorder = new Recorder();
        using var trainer = Make(Config, "run");
        trainer.Run(recorder, CancellationToken.None);
        Assert.Equal(0, recorder.Progress[0].EmaDistance); // the average begins as the weights
        using var scope = NewDisposeScope();
        var pairs = trainer.Networks.Master.state_dict().Values.Zip(trainer.Networks.Averaged!.state_dict().Values).ToList();
        var (weights, averages) = (cat([.. pairs.Select(pair => pair.First.flatten())]), cat([.. pairs.Select(pair => pair.Second.flatten())]));
        Assert.Equal((weights - averages).norm().item<float>() / weights.norm().item<float>(), recorder.Progress[^1].EmaDistance!.Value, 1e-6);
        Assert.All(recorder.Progress, progress => Assert.True(progress.MemoryBytes > 10_000_000));
    }
}
