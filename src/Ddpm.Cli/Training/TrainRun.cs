using System.Diagnostics;
using Ddpm.Cli.CommandLine;
using Ddpm.Cli.Models;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Training;
using Ddpm.Engine.Training.TensorBoard;
using TorchSharp;

namespace Ddpm.Cli.Training;

/// <summary>One training run in a folder of its own.</summary>
internal sealed class TrainRun(string folder, TrainSettings settings, ImageDataset dataset, torch.Device device)
{
    private readonly string _checkpoints = Path.Combine(folder, "checkpoints");

    /// <summary>Steps between checkpoints; null for the usual.</summary>
    public long? CheckpointEvery { get; init; }

    /// <summary>Steps between previews; null for the usual.</summary>
    public long? PreviewEvery { get; init; }

    /// <summary>Checkpoints that stay.</summary>
    public int Keep { get; init; } = 3;

    /// <summary>Bytes that checkpoints may have; null for no limit.</summary>
    public long? MaxCheckpointBytes { get; init; }

    /// <summary>Ends the run before its steps are done; null for no limit.</summary>
    public TimeSpan? MaxDuration { get; init; }

    /// <summary>Trains to the end or until cancelled.</summary>
    /// <returns>The exit status.</returns>
    public int Run(bool resume, CancellationToken cancellationToken)
    {
        var config = settings.ToTraining(dataset.Count);
        var epoch = Trainer.StepsPerEpoch(dataset.Count, config);
        config = config with
        {
            CheckpointEverySteps = CheckpointEvery ?? WholeEpochs(epoch, atLeast: 500),
            PreviewEverySteps = PreviewEvery ?? WholeEpochs(epoch, atLeast: 200),
            MaxDuration = MaxDuration,
        };
        Directory.CreateDirectory(_checkpoints);

        using var trainer = resume ? FromNewestCheckpoint(config) : Create(config, null);
        Console.Error.WriteLine($"{dataset.Count} pictures of {dataset.Width}×{dataset.Height}, {epoch} steps an epoch, {config.TotalSteps} steps in all, on {device}");
        if (trainer.Step > 0)
            Console.Error.WriteLine($"Going on from step {trainer.Step}");

        var clock = Stopwatch.StartNew();
        var result = ProgressDisplay.Run("Training", display =>
        {
            using var journal = new TrainJournal(folder, trainer.Step, config.TotalSteps, display, Prune);
            using var tensorBoard = new TensorBoardLog(Path.Combine(folder, "tensorboard"), trainer.Step, config.TotalSteps);
            return trainer.Run(new TrainingObservers(journal, tensorBoard), cancellationToken);
        });
        if (result.Completed)
        {
            var goOn = result.TimeIsUp ? $" of {config.TotalSteps}, until time was up (ddpm train --resume --out {folder} goes on)," : "";
            Console.WriteLine($"Trained to step {result.Step}{goOn} in {clock.Elapsed:h\\:mm\\:ss}: {PublishModel()}");
            return 0;
        }

        Console.WriteLine($"Stopped after step {result.Step}, which is saved. Go on with: ddpm train --resume --out {folder}");
        return Interruption.ExitCode;
    }

    private Trainer Create(TrainingConfig config, string? checkpoint) =>
        new(config, settings.ToNetwork(dataset), settings.ToSchedule(), dataset, device, _checkpoints, checkpoint);

    // A checkpoint can be damaged, say by a disk that ran full: then the one before it serves.
    private Trainer FromNewestCheckpoint(TrainingConfig config)
    {
        foreach (var checkpoint in CheckpointsFromNewest())
        {
            try
            {
                return Create(config, checkpoint);
            }
            catch (CheckpointException exception)
            {
                Console.Error.WriteLine($"Passing over {Path.GetFileName(checkpoint)}: {exception.Message}");
            }
        }

        Console.Error.WriteLine("There is no checkpoint yet: beginning anew.");
        return Create(config, null);
    }

    private IEnumerable<string> CheckpointsFromNewest() => Directory.EnumerateDirectories(_checkpoints, "step-*")
        .Where(path => !path.EndsWith(".partial", StringComparison.Ordinal)).OrderDescending(StringComparer.Ordinal);

    private void Prune()
    {
        var all = CheckpointsFromNewest().ToList();
        var candidates = all.ConvertAll(path => new CheckpointRetention.Candidate(LossOf(path), SizeOf(path)));
        foreach (var index in CheckpointRetention.Retired(candidates, Keep, MaxCheckpointBytes))
            Directory.Delete(all[index], recursive: true);

        static long SizeOf(string path) => new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
    }

    // A damaged one is not the best.
    private static double? LossOf(string checkpoint)
    {
        try
        {
            return CheckpointSummary.ReadLoss(checkpoint);
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    // model/ is the newest checkpoint without what only training needs; made beside and renamed, so that it is whole or not there.
    private string PublishModel()
    {
        var model = Path.Combine(folder, "model");
        var unfinished = model + ".partial";
        if (Directory.Exists(unfinished))
            Directory.Delete(unfinished, recursive: true);
        ModelFolder.Copy(CheckpointsFromNewest().First(), unfinished);
        if (Directory.Exists(model))
            Directory.Delete(model, recursive: true);
        Directory.Move(unfinished, model);
        return model;
    }

    private static long WholeEpochs(long stepsPerEpoch, long atLeast) => (atLeast + stepsPerEpoch - 1) / stepsPerEpoch * stepsPerEpoch;
}
