using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>Trains a network by Algorithm 1 of Ho et al. 2020. Every random choice is a function of (seed, step), so a run that was
/// stopped and resumed ends in the weights of one that was not.</summary>
public sealed class Trainer : IDisposable
{
    private readonly TrainingConfig _config;
    private readonly NoiseScheduleConfig _schedule;
    private readonly ImageDataset _dataset;
    private readonly Device _device;
    private readonly string _checkpointRoot;
    private readonly BatchLoader _loader;
    private readonly UNet _network;
    private readonly UNet? _averaged;
    private readonly ExponentialMovingAverage? _ema;
    private readonly AdamW _optimizer;
    private readonly ForwardProcess _forwardProcess;
    private readonly DenoisingLoss _loss;
    private readonly RecentMean _recentLoss = new(100);

    /// <summary>Builds the network, fresh or from a checkpoint.</summary>
    /// <param name="config">How to train.</param>
    /// <param name="network">What to train; its channels and size must be the dataset's.</param>
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
        network.Validate();
        if (config.Faults().Concat(schedule.Faults()).Concat(Misfits(network, dataset)).ToList() is [_, ..] faults)
            throw new TrainingException(string.Join(" ", faults));
        schedule = schedule with { TimestepSpacing = schedule.TimestepSpacing ?? "leading" }; // as its checkpoints say, so that they draw what previews drew
        CheckPreviews(schedule, config.PreviewSampler);
        (_config, _schedule, _dataset, _device, _checkpointRoot) = (config, schedule, dataset, device, checkpointRoot);
        _loader = new BatchLoader(dataset, config.BatchSize, config.Seed, config.HorizontalFlip);
        (_network, _averaged) = Build(network, config);
        _network.to(device);
        _network.train();
        if (_averaged is not null)
        {
            _averaged.to(device);
            _averaged.eval();
            _ema = new ExponentialMovingAverage(_averaged, _network, new EmaSchedule { Decay = config.EmaDecay });
        }

        _optimizer = new AdamW([.. _network.named_parameters().Where(pair => pair.parameter.requires_grad).Select(pair => (pair.name, (Tensor)pair.parameter))], config);
        _forwardProcess = new ForwardProcess(NoiseSchedule.From(schedule), device);
        _loss = new DenoisingLoss(_forwardProcess);
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
    public UNetConfig Network => _network.Config;

    /// <summary>The noise schedule.</summary>
    public NoiseScheduleConfig Schedule => _schedule;

    /// <summary>Optimizer steps in all.</summary>
    public long TotalSteps => _config.TotalSteps;

    /// <summary>Steps done.</summary>
    public long Step { get; private set; }

    /// <summary>Optimizer steps in which every picture is seen once, rounded up.</summary>
    public static long StepsPerEpoch(int images, TrainingConfig config) => StepsOf(1, images, config);

    /// <summary>Optimizer steps in which every picture is seen so many times, rounded up once: steps of several passes go across the ends of epochs.</summary>
    public static long StepsOf(long epochs, int images, TrainingConfig config)
    {
        var batches = (images + (long)config.BatchSize - 1) / config.BatchSize;
        return checked((epochs * batches) + config.GradientAccumulationSteps - 1) / config.GradientAccumulationSteps;
    }

    /// <summary>Trains to the end, or until cancelled; either way a checkpoint of the last step is there afterwards.</summary>
    /// <param name="observer">Hears of every step, preview and checkpoint.</param>
    /// <param name="cancellationToken">Looked at between passes: a step of which some passes are left is not taken.</param>
    /// <exception cref="TrainingException">The loss or the gradient became infinite or not a number.</exception>
    public TrainingResult Run(TrainingObserver observer, CancellationToken cancellationToken)
    {
        var speed = new Speed(_config.TotalSteps);
        CheckpointInfo? newest = null;
        var savedStep = Step; // where it resumed, a checkpoint is there already
        while (Step < _config.TotalSteps && TakeStep(cancellationToken) is var (loss, gradNorm, images))
        {
            observer.OnProgress(speed.Record(Step, images) with { Epoch = Epoch, Loss = loss, LearningRate = RateOf(Step - 1), GradNorm = gradNorm });
            var last = Step == _config.TotalSteps;
            if (_config.PreviewEverySteps is { } previewEvery && (last || Step % previewEvery == 0) && Preview(cancellationToken) is { } preview)
                observer.OnPreview(preview);
            if (last || (_config.CheckpointEverySteps is { } checkpointEvery && Step % checkpointEvery == 0))
                Save();
            speed.Restart();
        }

        if (Step != savedStep)
            Save();
        return new TrainingResult(Step == _config.TotalSteps, Step, newest);

        void Save()
        {
            newest = WriteCheckpoint();
            savedStep = Step;
            observer.OnCheckpoint(newest);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _forwardProcess.Dispose();
        _optimizer.Dispose();
        _averaged?.Dispose();
        _network.Dispose();
    }

    private double Epoch => (double)Step * _config.GradientAccumulationSteps / _loader.BatchesPerEpoch;

    private double RateOf(long step) => LearningRate.CosineWithWarmup(step, _config.LearningRate, _config.WarmupSteps, _config.TotalSteps);

    // Null where it was cancelled: then nothing has changed.
    private (double Loss, double GradNorm, int Images)? TakeStep(CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var (loss, images) = (0.0, 0);
        for (var pass = 0; pass < _config.GradientAccumulationSteps; pass++)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                _optimizer.ForgetGradients();
                return null;
            }

            using var passScope = NewDisposeScope(); // every tensor of this pass dies here, or accumulation would save no memory
            var index = (Step * _config.GradientAccumulationSteps) + pass;
            var batch = _loader.BatchAt(index).Images;
            var original = PixelRange.ToFloat(batch, _device);
            var noise = TrainingNoise.Normal(_config.Seed, index, original.shape, _device);
            var timesteps = TrainingNoise.Timesteps(_config.Seed, index, batch.Count, _schedule.Timesteps, _device);
            var share = LossOf(original, noise, timesteps, index) / _config.GradientAccumulationSteps;
            share.backward();
            loss += share.item<float>();
            images += batch.Count;
        }

        var gradNorm = _optimizer.ClipGradients(_config.MaxGradNorm);
        if (!double.IsFinite(loss) || !double.IsFinite(gradNorm))
            throw new TrainingException(FormattableString.Invariant(
                $"The loss or its gradient stopped being finite at step {Step + 1}. Begin a new run with a lower learning rate (it is {_config.LearningRate}) or a longer warm-up (it is {_config.WarmupSteps} steps)."));
        _optimizer.Step(RateOf(Step));
        Step++;
        _ema?.Update(Step);
        _recentLoss.Add(loss);
        return (loss, gradNorm, images);
    }

    private Tensor LossOf(Tensor original, Tensor noise, Tensor timesteps, long index)
    {
        if (_network.Config.Dropout == 0)
            return _loss.Compute(_network, original, noise, timesteps);
        lock (GlobalRandom.Gate)
        {
            manual_seed(PhiloxNoise.Bits(_config.Seed, 0, (uint)index, NoisePurpose.Dropout));
            return _loss.Compute(_network, original, noise, timesteps);
        }
    }

    private static (UNet Network, UNet? Averaged) Build(UNetConfig network, TrainingConfig config)
    {
        lock (GlobalRandom.Gate)
        {
            manual_seed((long)config.Seed);
            var trained = new UNet(network);
            if (config.EmaDecay == 0)
                return (trained, null);
            var averaged = new UNet(network);
            averaged.load_state_dict(trained.state_dict());
            return (trained, averaged);
        }
    }

    // Null where it was cancelled: the run then ends with a checkpoint, not with an exception.
    private TrainingPreviewImages? Preview(CancellationToken cancellationToken)
    {
        var network = _averaged ?? _network;
        network.eval();
        try
        {
            var request = new SampleRequest { Count = _config.PreviewImages, Seed = _config.Seed, Sampler = _config.PreviewSampler, Threads = get_num_threads() };
            var images = DiffusionModel.Of(network, _schedule, _device).Sample(request, progress: null, cancellationToken);
            return new TrainingPreviewImages(Step, Epoch, images);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        finally
        {
            _network.train();
        }
    }

    private CheckpointInfo WriteCheckpoint()
    {
        var folder = Path.Combine(_checkpointRoot, $"step-{Step:D8}");
        var state = new TrainingCheckpoint.State(Step, Epoch, _recentLoss.Values, _dataset.Sha256, _config.Seed)
        {
            BatchSize = _config.BatchSize,
            GradientAccumulationSteps = _config.GradientAccumulationSteps,
        };
        var sha256 = TrainingCheckpoint.Write(folder, _averaged ?? _network, _schedule, _network, _optimizer, state);
        var bytes = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
        var parameters = _network.parameters().Sum(parameter => parameter.numel());
        return new CheckpointInfo(folder, Step, Epoch, _recentLoss.Value, sha256, bytes, parameters, _averaged is not null);
    }

    private void Resume(string folder)
    {
        var state = TrainingCheckpoint.Read(folder, _averaged, _network, _optimizer, _schedule);
        if (state.DatasetSha256 != _dataset.Sha256)
            throw new TrainingException("The checkpoint was trained on other pictures: its dataset's SHA-256 differs.");
        if (state.Seed != _config.Seed)
            throw new TrainingException($"The checkpoint was trained with seed {state.Seed}, not {_config.Seed}.");
        if (state.BatchSize != 0 && (state.BatchSize, state.GradientAccumulationSteps) != (_config.BatchSize, _config.GradientAccumulationSteps))
            throw new TrainingException(
                $"The checkpoint was trained with batches of {state.BatchSize} and {state.GradientAccumulationSteps} passes a step; with {_config.BatchSize} and {_config.GradientAccumulationSteps} pictures would be skipped or come again.");
        Step = state.Step;
        foreach (var loss in state.RecentLosses)
            _recentLoss.Add(loss);
    }

    // Now, and not at the first preview.
    private static void CheckPreviews(NoiseScheduleConfig schedule, SamplerConfig sampler)
    {
        try
        {
            SamplingPlan.For(schedule, sampler);
        }
        catch (Exception fault) when (fault is SamplingException or ArgumentException)
        {
            throw new TrainingException(fault.Message);
        }
    }

    private static IEnumerable<string> Misfits(UNetConfig network, ImageDataset dataset)
    {
        if (network.InChannels != dataset.Channels || network.OutChannels != dataset.Channels)
            yield return $"The network has in_channels {network.InChannels} and out_channels {network.OutChannels}; the pictures have {dataset.Channels} channels.";
        if (network.SampleSize is { } size && (size != dataset.Height || size != dataset.Width))
            yield return $"The network's sample_size is {size}; the pictures are {dataset.Width}×{dataset.Height}.";
        if (dataset.Height % network.SizeMultiple != 0 || dataset.Width % network.SizeMultiple != 0)
            yield return $"Pictures of {dataset.Width}×{dataset.Height} cannot be halved {network.BlockOutChannels.Count - 1} times: sizes must be multiples of {network.SizeMultiple}, or the network needs fewer levels.";
        if (network.TimeEmbeddingType == "fourier")
            yield return "The network embeds the logarithm of the timestep, which timestep 0 has not: time_embedding_type must be positional.";
        if (network.NumClassEmbeds is not null)
            yield return "Class-conditional training is not supported yet: num_class_embeds must be null.";
    }
}
