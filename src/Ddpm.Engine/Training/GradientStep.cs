using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Native;
using Ddpm.Engine.Networks.Cuda;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>Lines 2 to 5 of Algorithm 1 of Ho et al. 2020: the gradient of a step, over all its passes. Pictures, labels, noise, timesteps and dropout are functions of
/// (seed, step).</summary>
internal sealed class GradientStep : IDisposable
{
    private readonly TrainingConfig _config;
    private readonly TrainedNetworks _networks;
    private readonly PassDataSource _data;
    private readonly Device _device;
    private readonly ForwardProcess _forwardProcess;
    private readonly DenoisingLoss _loss;

    public GradientStep(TrainingConfig config, NoiseScheduleConfig schedule, TrainedNetworks networks, BatchLoader loader, int? nullClass, Device device)
    {
        (_config, _networks, _device) = (config, networks, device);
        _data = new PassDataSource(config, schedule, loader, networks.Master.Config.NumClassEmbeds is not null, nullClass);
        var table = NoiseSchedule.From(schedule);
        _forwardProcess = new ForwardProcess(table, device);
        _loss = new DenoisingLoss(_forwardProcess, schedule.Prediction, config.LossWeighting.Factors(table, schedule.Prediction), device);
    }

    /// <summary>Leaves the gradient in the masters' <c>grad</c>, the loss scale taken out.</summary>
    /// <param name="step">Zero-based.</param>
    /// <param name="lossScale">What the loss is multiplied by on its way back.</param>
    /// <param name="cancellationToken">Looked at between passes.</param>
    /// <returns>The mean loss and the pictures; null where it was cancelled, which leaves part of a gradient.</returns>
    public (double Loss, int Images)? Compute(long step, double lossScale, CancellationToken cancellationToken)
    {
        var (loss, images) = (0.0, 0);
        _networks.RoundMasters();
        for (var pass = 0; pass < _config.GradientAccumulationSteps; pass++)
        {
            if (cancellationToken.IsCancellationRequested)
                return null;
            using var scope = NewDisposeScope(); // every tensor of this pass dies here, or accumulation would save no memory
            var index = (step * _config.GradientAccumulationSteps) + pass;
            var data = _data.At(index);
            loss += Pass(data, index, lossScale);
            images += data.Batch.Images.Count;
        }

        return (loss, images);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _data.Dispose();
        _loss.Dispose();
        _forwardProcess.Dispose();
    }

    private double Pass(PassData data, long index, double lossScale)
    {
        var seed = _config.Seed;
        var original = PixelRange.ToFloat(data.Batch.Images, _device);
        var noise = tensor(data.Noise, original.shape).to(_device);
        var timesteps = tensor(data.Timesteps).to(_device);
        var labels = data.Labels is null ? null : tensor(data.Labels).to(_device);
        // A request beside this may want its products rounded to TF32, for which a GPU has one switch.
        using var precision = _device.type == TorchSharp.DeviceType.CUDA && _config.Precision == TrainingPrecision.Float32 ? TensorFloat32.Hold(allowed: false) : null;
        if (_networks.Master.Config.Dropout == 0)
            return ForwardAndBackward();
        lock (GlobalRandom.Gate) // to the end of the backward pass, which drops the same activations again where it recomputes blocks
        {
            _networks.Computing.DropoutSeed = PhiloxNoise.Bits(seed, 0, (uint)index, NoisePurpose.Dropout);
            return ForwardAndBackward();
        }

        double ForwardAndBackward()
        {
            var share = _loss.Compute(_networks.Computing, original, noise, timesteps, labels).Over(_config.GradientAccumulationSteps);
            (lossScale == 1 ? share : share.Times(lossScale)).backward();
            _networks.WidenGradients(lossScale);
            return share.item<float>();
        }
    }
}
