using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Tests.Data;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Training;

/// <summary>Tests with runs of a tiny network over ten pictures.</summary>
public abstract class TrainerRuns : IDisposable
{
    private protected TemporaryFolder Folder { get; } = new();

    private protected ImageDataset Dataset { get; }

    private protected static TrainingConfig Config => new()
    {
        TotalSteps = 10,
        BatchSize = 4,
        WarmupSteps = 2,
        LearningRate = 1e-3,
        Seed = 11,
        PreviewSampler = new SamplerConfig { Steps = 3 },
    };

    private protected TrainerRuns()
    {
        TorchRuntime.Initialize();
        Dataset = SmallDataset.OfNumbers(Folder["data"], 10);
    }

    public void Dispose()
    {
        Dataset.Dispose();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected Trainer Make(TrainingConfig config, string run, ImageDataset? dataset = null, UNetConfig? network = null, string? resumeFrom = null) =>
        new(config, network ?? TinyModel.Network, new NoiseScheduleConfig(), dataset ?? Dataset, CPU, Folder[run], resumeFrom);

    private protected TrainingResult Train(
        TrainingConfig config, string run, Recorder? recorder = null, string? resumeFrom = null, CancellationTokenSource? stop = null, ImageDataset? dataset = null,
        UNetConfig? network = null)
    {
        using var trainer = Make(config, run, dataset, network, resumeFrom);
        return trainer.Run(recorder ?? new Recorder(), stop?.Token ?? CancellationToken.None);
    }

    /// <summary>Every file of a checkpoint.</summary>
    private protected static void AssertSameCheckpoint(string expected, string actual)
    {
        var files = Directory.EnumerateFiles(expected, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(expected, file)).ToList();
        Assert.Equal(files.Order(), Directory.EnumerateFiles(actual, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(actual, file)).Order());
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(Path.Combine(expected, file)), File.ReadAllBytes(Path.Combine(actual, file))));
    }

    private protected sealed class Recorder : TrainingObserver
    {
        public List<TrainingProgress> Progress { get; } = [];

        public List<TrainingPreviewImages> Previews { get; } = [];

        public List<CheckpointInfo> Checkpoints { get; } = [];

        public List<TrainingRollback> Rollbacks { get; } = [];

        public Action<long>? AfterStep { get; set; }

        public override void OnProgress(TrainingProgress progress)
        {
            Progress.Add(progress);
            AfterStep?.Invoke(progress.Step);
        }

        public override void OnPreview(TrainingPreviewImages preview) => Previews.Add(preview);

        public override void OnCheckpoint(CheckpointInfo checkpoint) => Checkpoints.Add(checkpoint);

        public override void OnRollback(TrainingRollback rollback) => Rollbacks.Add(rollback);
    }
}
