using System.Diagnostics;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling.Shared;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>Trains a network by Algorithm 1 of Ho et al. 2020. Every random choice is a function of (seed, step), so a run that was
/// stopped and resumed ends in the weights of one that was not.</summary>
/// <remarks>
/// A step whose loss or gradient is not finite is left out: neither weights nor average move, and the next pictures come. A checkpoint is written only
/// once the gradient after it is known to be finite, so what a run goes back to works; those of a run that ends, or is stopped, cannot wait for that.
/// </remarks>
public sealed class Trainer : IDisposable
{
    private const long StepsBetweenEmaDistances = 10;
    private const long StepsLostByStopping = 1;

    private readonly TrainingConfig _config;
    private readonly NoiseScheduleConfig _schedule;
    private readonly ClassNames? _classes;
    private readonly ImageDataset _dataset;
    private readonly Device _device;
    private readonly BatchLoader _loader;
    private readonly TrainedNetworks _networks;
    private readonly GuardedSteps _steps;
    private readonly TrainingPreviews _previews;
    private readonly RunCheckpoints _checkpoints;
    private double? _emaDistance;

    /// <summary>Builds the network, fresh or from a checkpoint.</summary>
    /// <param name="config">How to train.</param>
    /// <param name="network">What to train; its channels and size must be the dataset's. With <c>num_class_embeds</c> it is class-conditional: that must be the
    /// dataset's classes, and one more, the null class, where <see cref="TrainingConfig.LabelDropout"/> is above 0.</param>
    /// <param name="schedule">The noise schedule.</param>
    /// <param name="dataset">What it learns from. Borrowed.</param>
    /// <param name="device">Where.</param>
    /// <param name="checkpointRoot">Checkpoints are written here as <c>step-00001000</c>.</param>
    /// <param name="resumeFrom">A checkpoint of this run to go on from; null to begin.</param>
    /// <exception cref="TrainingException">Configuration, network and dataset do not fit each other.</exception>
    /// <exception cref="UNetConfigException">The network cannot be built.</exception>
    /// <exception cref="CheckpointException">The checkpoint cannot be used.</exception>
    public Trainer(
        TrainingConfig config, UNetConfig network, NoiseScheduleConfig schedule, ImageDataset dataset, Device device, string checkpointRoot, string? resumeFrom = null)
    {
        TorchRuntime.Initialize();
        schedule = schedule with { TimestepSpacing = schedule.TimestepSpacing ?? "leading" }; // as its checkpoints say, so that they draw what previews drew
        _classes = TrainingFit.Check(config, network, schedule, dataset);
        (_config, _schedule, _dataset, _device) = (config, schedule, dataset, device);
        _loader = new BatchLoader(dataset, config.BatchSize, config.Seed, config.HorizontalFlip);
        _networks = new TrainedNetworks(network, config, device);
        _steps = new GuardedSteps(config, new AdamW(_networks.Moved, config), new GradientStep(config, schedule, _networks, _loader, _classes?.NullClass, device));
        _checkpoints = new RunCheckpoints(checkpointRoot, schedule, _classes, _networks, _steps.Optimizer);
        _previews = new TrainingPreviews(config, schedule, _classes, device);
        if (resumeFrom is null)
            return;
        try
        {
            Resume(resumeFrom);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What is trained.</summary>
    public UNetConfig Network => _networks.Master.Config;

    /// <summary>The noise schedule.</summary>
    public NoiseScheduleConfig Schedule => _schedule;

    /// <summary>Optimizer steps in all.</summary>
    public long TotalSteps => _config.TotalSteps;

    /// <summary>Steps done, those that were left out included.</summary>
    public long Step { get; private set; }

    /// <summary>Optimizer steps in which every picture is seen once, rounded up.</summary>
    public static long StepsPerEpoch(int images, TrainingConfig config) => StepsOf(1, images, config);

    /// <summary>Optimizer steps in which every picture is seen so many times, rounded up once: steps of several passes go across the ends of epochs.</summary>
    public static long StepsOf(long epochs, int images, TrainingConfig config)
    {
        var batches = (images + (long)config.BatchSize - 1) / config.BatchSize;
        return checked((epochs * batches) + config.GradientAccumulationSteps - 1) / config.GradientAccumulationSteps;
    }

    /// <summary>Trains to the end, or until time is up or it is cancelled. Afterwards a checkpoint of the last step is there. Where it is cancelled while the one of the
    /// step before is being written, it ends at that one; amid steps that are left out, at the checkpoint before them, so that what comes next does not depend on where it stopped.</summary>
    /// <param name="observer">Hears of every step, preview, checkpoint and return to one. Checkpoints are written while training goes on: it hears of each once it is on
    /// the disk, some steps later, and an error of writing ends the run at the step after.</param>
    /// <param name="cancellationToken">Looked at between passes: a step of which some passes are left is not taken.</param>
    /// <exception cref="TrainingException">Losses or gradients were infinite or not a number too often.</exception>
    public TrainingResult Run(TrainingObserver observer, CancellationToken cancellationToken)
    {
        using var shared = DeviceUse.Train(_device); // sampling makes way
        try
        {
            return Steps(observer, cancellationToken);
        }
        finally
        {
            _checkpoints.Wait(); // nobody may find a thread still writing after a run has ended, however it ended
        }
    }

    private TrainingResult Steps(TrainingObserver observer, CancellationToken cancellationToken)
    {
        var speed = new Speed(_config.TotalSteps, _config.MaxDuration);
        var clock = Stopwatch.StartNew();
        CheckpointInfo? newest = null;
        var (savedStep, checkpointIsDue, timeIsUp) = (Step, false, false); // where it resumed, a checkpoint is there already
        while (Step < _config.TotalSteps && !timeIsUp && _steps.Gradient(Step, cancellationToken) is { } gradient)
        {
            Announce(wait: false);
            if (checkpointIsDue && gradient.IsFinite)
                Save();
            _steps.Move(Step, gradient);
            Step++;
            observer.OnProgress(Report(gradient, speed));
            if (_steps.Guard.MustGoBack)
            {
                Announce(wait: true);
                observer.OnRollback(GoBack());
                (savedStep, checkpointIsDue) = (Step, false);
                speed.Restart();
                continue;
            }

            timeIsUp = clock.Elapsed >= _config.MaxDuration;
            var last = Step == _config.TotalSteps || timeIsUp;
            if (_config.PreviewEverySteps is { } previewEvery && (last || Step % previewEvery == 0))
                Preview(observer, cancellationToken);
            checkpointIsDue |= _config.CheckpointEverySteps is { } checkpointEvery && Step % checkpointEvery == 0;
            speed.Restart();
        }

        var justWritten = Announce(wait: true);
        var completed = Step == _config.TotalSteps || timeIsUp;
        if (completed && Step > 0 && _steps.Optimizer.StepsTaken == 0)
            throw StepGuard.Diverged(Step, _config);
        // Who stops a run does not wait long, and a second checkpoint may take as long as the first: a step is lost rather than the time to hand the run back.
        var isGoodEnough = !completed && justWritten && Step - savedStep <= StepsLostByStopping;
        if ((completed || _steps.Guard.InARow == 0) && Step != savedStep && !isGoodEnough)
        {
            savedStep = Step;
            observer.OnCheckpointDue(_checkpoints.Bytes, isLast: true);
            observer.OnCheckpoint(newest = _checkpoints.WriteNow(State(), _steps.RecentLoss.Value)); // nothing is left to go on beside it
        }

        return new TrainingResult(completed, savedStep, newest) { TimeIsUp = timeIsUp && Step < _config.TotalSteps };

        void Save()
        {
            checkpointIsDue = false;
            if (Step == savedStep)
                return;
            Announce(wait: true);
            observer.OnCheckpointDue(_checkpoints.Bytes, isLast: false);
            _checkpoints.Begin(State(), _steps.RecentLoss.Value);
            savedStep = Step;
        }

        bool Announce(bool wait)
        {
            if (_checkpoints.TakeWritten(wait) is not { } written)
                return false;
            observer.OnCheckpoint(newest = written);
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _checkpoints.Dispose();
        _steps.Dispose();
        _networks.Dispose();
    }

    /// <summary>For tests, which break weights to see what happens.</summary>
    internal TrainedNetworks Networks => _networks;

    /// <summary>For tests, which compare its moments.</summary>
    internal AdamW Optimizer => _steps.Optimizer;

    private double Epoch => (double)Step * _config.GradientAccumulationSteps / _loader.BatchesPerEpoch;

    private TrainingProgress Report(StepGradient gradient, Speed speed)
    {
        if (Step == 1 || Step == _config.TotalSteps || Step % StepsBetweenEmaDistances == 0)
            _emaDistance = _networks.EmaDistance();
        return speed.Record(Step, gradient.Images) with
        {
            Epoch = Epoch,
            Loss = gradient.Loss,
            LearningRate = _steps.Rate(Step - 1),
            GradNorm = gradient.Norm,
            Skipped = !gradient.IsFinite,
            SkippedSteps = _steps.Guard.Skipped,
            EmaDistance = _emaDistance,
            MemoryBytes = Environment.WorkingSet,
            LossScale = _config.Precision == TrainingPrecision.Float16 ? gradient.LossScale : null,
        };
    }

    private void Preview(TrainingObserver observer, CancellationToken cancellationToken)
    {
        var images = _previews.Draw(_networks.Model, cancellationToken);
        _networks.Computing.train();
        if (images is not null)
            observer.OnPreview(new TrainingPreviewImages(Step, Epoch, images));
    }

    // What the guard has counted stays; all else is as it was at the checkpoint.
    private TrainingRollback GoBack()
    {
        var from = Step;
        _steps.Guard.GoBack(from);
        if (_checkpoints.Good is { } checkpoint)
        {
            Restore(_checkpoints.Read(checkpoint));
        }
        else
        {
            _networks.Restart(_config.Seed);
            _steps.Optimizer.Restart();
            Restore(new TrainingCheckpoint.State(0, 0, [], _dataset.Sha256, _config.Seed));
        }

        return new TrainingRollback(from, Step, _steps.Guard.RateFactor);
    }

    private TrainingCheckpoint.State State() => _steps.AddTo(new TrainingCheckpoint.State(Step, Epoch, _steps.RecentLoss.Values, _dataset.Sha256, _config.Seed)
    {
        BatchSize = _config.BatchSize,
        GradientAccumulationSteps = _config.GradientAccumulationSteps,
    });

    private void Resume(string folder)
    {
        var state = _checkpoints.Read(folder);
        TrainingFit.CheckResumed(state, _config, _dataset);
        _steps.Guard.Restore(state.SkippedSteps, state.Rollbacks, state.RateFactor);
        Restore(state);
    }

    private void Restore(TrainingCheckpoint.State state)
    {
        _networks.MastersWereReplaced();
        Step = state.Step;
        _steps.Restore(state);
    }
}
