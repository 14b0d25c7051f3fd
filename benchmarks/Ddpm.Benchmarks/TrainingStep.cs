using BenchmarkDotNet.Attributes;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Benchmarks;

/// <summary>One step of Algorithm 1 on sixteen pictures, and its parts: the forward and backward pass, and the optimizer, which moves the average of the weights too.</summary>
#pragma warning disable CA1001 // The benchmark runner calls the clean-up.
public class TrainingStep
#pragma warning restore CA1001
{
    private const int Batch = 16;

    private UNet _network = null!;
    private UNet _averaged = null!;
    private AdamW _optimizer = null!;
    private ForwardProcess _forwardProcess = null!;
    private DenoisingLoss _loss = null!;
    private Tensor _original = null!;
    private Tensor _noise = null!;
    private Tensor _timesteps = null!;

    [GlobalSetup]
    public void Prepare()
    {
        _network = Networks.Faces32();
        _network.train();
        _averaged = Networks.Faces32();
        var config = new TrainingConfig { TotalSteps = 1_000_000 };
        var averages = _averaged.state_dict();
        List<(string Name, Tensor Value)> parameters = [.. _network.named_parameters().Select(pair => (pair.name, (Tensor)pair.parameter))];
        _optimizer = new AdamW(new MovedTensors(parameters, [.. parameters.Select(parameter => averages[parameter.Name])], null), config);
        _forwardProcess = new ForwardProcess(NoiseSchedule.From(new NoiseScheduleConfig()), CPU);
        _loss = new DenoisingLoss(_forwardProcess);
        long[] shape = [Batch, 3, Networks.Size, Networks.Size];
        (_original, _noise) = (rand(shape) * 2 - 1, randn(shape));
        _timesteps = randint(0, 1000, [Batch], ScalarType.Int64);
        Gradients();
    }

    [Benchmark(Baseline = true)]
    public void Whole()
    {
        Gradients();
        Optimizer();
    }

    [Benchmark]
    public void Gradients()
    {
        using var scope = NewDisposeScope();
        _loss.Compute(_network, _original, _noise, _timesteps).backward();
    }

    [Benchmark]
    public void Optimizer()
    {
        using var scope = NewDisposeScope();
        _optimizer.ClipGradients(1);
        _optimizer.Step(1e-6, averageShare: 1e-4);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _timesteps.Dispose();
        _noise.Dispose();
        _original.Dispose();
        _forwardProcess.Dispose();
        _optimizer.Dispose();
        _averaged.Dispose();
        _network.Dispose();
    }
}
