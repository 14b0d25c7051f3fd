using BenchmarkDotNet.Attributes;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Benchmarks;

/// <summary>Ten DDIM steps of one thread: noise, network and update of x, as one lane of a CPU runs them.</summary>
public class SamplerStep
{
    private const int Steps = 10;

    private UNet _network = null!;
    private DenoisingLoop _loop = null!;
    private ImageToDraw[] _images = null!;

    /// <summary>Pictures of one network call.</summary>
    [Params(1, 4, 16)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        _network = Networks.Faces32();
        _network.eval();
        _loop = new DenoisingLoop(_network, CPU);
        var plan = SamplingPlan.For(new NoiseScheduleConfig(), new SamplerConfig { Kind = SamplerKind.Ddim, Steps = Steps });
        _images = [.. Enumerable.Range(0, Batch).Select(image => new ImageToDraw(plan, 0, (uint)image))];
    }

    [Benchmark(OperationsPerInvoke = Steps)]
    public void Step()
    {
        set_num_threads(1);
        using var drawn = _loop.Run(_images, Networks.Size, Networks.Size, afterStep: null, CancellationToken.None);
    }

    [GlobalCleanup]
    public void Dispose() => _network.Dispose();
}
