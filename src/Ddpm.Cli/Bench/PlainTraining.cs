using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>What the trainer is measured against: the loop that one writes first, with TorchSharp's own AdamW and clipping, the network as it is called for one picture,
/// an average by a plain loop, float32, and the loss read at every step. The same weights, pictures, noise and rates as the trainer's, and so the same losses.</summary>
internal sealed class PlainTraining : IDisposable
{
    private readonly TrainingConfig _config;
    private readonly Device _device;
    private readonly BatchLoader _loader;
    private readonly UNet _network;
    private readonly UNet _average;
    private readonly ForwardProcess _forward;
    private readonly optim.Optimizer _optimizer;
    private readonly int _timesteps;
    private readonly List<double> _losses = [];

    /// <param name="config">As the trainer's; of one pass a step, without dropout or labels.</param>
    /// <param name="network">What is trained.</param>
    /// <param name="dataset">Borrowed.</param>
    /// <param name="device">Where.</param>
    public PlainTraining(TrainingConfig config, UNetConfig network, ImageDataset dataset, Device device)
    {
        var schedule = NoiseSchedule.From(new NoiseScheduleConfig());
        (_config, _device, _timesteps) = (config, device, schedule.Timesteps);
        _loader = new BatchLoader(dataset, config.BatchSize, config.Seed, config.HorizontalFlip);
        manual_seed((long)config.Seed);
        _network = new UNet(network);
        _average = new UNet(network);
        _average.load_state_dict(_network.state_dict());
        _network.to(device);
        _network.train();
        _average.to(device);
        _forward = new ForwardProcess(schedule, device);
        _optimizer = optim.AdamW(_network.parameters(), config.LearningRate, config.Beta1, config.Beta2, config.AdamEpsilon, config.WeightDecay);
    }

    /// <summary>The loss of each step so far.</summary>
    public IReadOnlyList<double> Losses => _losses;

    /// <summary>Takes so many steps.</summary>
    public void Step(int steps)
    {
        for (var n = 0; n < steps; n++)
            Step();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimizer.Dispose();
        _forward.Dispose();
        _average.Dispose();
        _network.Dispose();
    }

    private void Step()
    {
        using var scope = NewDisposeScope();
        var step = _losses.Count;
        var batch = _loader.BatchAt(step);
        var original = PixelRange.ToFloat(batch.Images, _device);
        var noise = TrainingNoise.Normal(_config.Seed, step, original.shape, _device);
        var timesteps = TrainingNoise.Timesteps(_config.Seed, step, batch.Images.Count, _timesteps, _device);
        foreach (var group in _optimizer.ParamGroups)
            group.LearningRate = LearningRate.At(_config.LearningRateSchedule, step, _config.LearningRate, _config.WarmupSteps, _config.TotalSteps);

        _optimizer.zero_grad();
        var loss = nn.functional.mse_loss(_network.call(_forward.AddNoise(original, noise, timesteps), timesteps, null), noise);
        loss.backward();
        nn.utils.clip_grad_norm_(_network.parameters(), _config.MaxGradNorm);
        _optimizer.step();
        using (no_grad())
        {
            var share = 1 - new EmaSchedule { Decay = _config.EmaDecay }.DecayAt(step + 1);
            foreach (var (average, weight) in _average.parameters().Zip(_network.parameters()))
                average.lerp_(weight, share);
        }

        _losses.Add(loss.item<float>());
    }
}
