using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>A network to be timed: ours as drawing calls it, ours plain, or someone else's as TorchScript.</summary>
internal sealed class NetworkUnderTest : IDisposable
{
    private readonly Func<Tensor, Tensor, Tensor> _call;
    private readonly IDisposable _owned;
    private Func<string?> _obstacle = () => null;

    private NetworkUnderTest(IDisposable owned, Func<Tensor, Tensor, Tensor> call) => (_owned, _call) = (owned, call);

    /// <summary>The network of a diffusers folder, as drawing calls it.</summary>
    public static NetworkUnderTest Create(string folder, Device device, SamplingPrecision precision, CudaOptions? cuda = null, int? threads = null)
    {
        var network = SamplingNetwork.Of(DiffusersFolder.Open(folder).LoadNetwork(device), device, precision, cuda, threads);
        return new NetworkUnderTest(network, (sample, timesteps) => network.Call(sample, timesteps, null)) { _obstacle = () => network.Obstacle };
    }

    /// <summary>The network of a diffusers folder, block by block through ATen in float32: what training calls.</summary>
    public static NetworkUnderTest Plain(string folder, Device device)
    {
        var network = DiffusersFolder.Open(folder).LoadNetwork(device);
        return new NetworkUnderTest(network, (sample, timesteps) => network.call(sample, timesteps, null));
    }

    /// <summary>A TorchScript file that takes (sample, timestep).</summary>
    /// <exception cref="UserErrorException">It cannot be loaded.</exception>
    public static NetworkUnderTest TorchScript(string file, Device device)
    {
        if (!File.Exists(file))
            throw new UserErrorException($"--baseline: there is no file '{file}'.");
        try
        {
            var module = jit.load<Tensor, Tensor, Tensor>(file, device.type, device.index);
            module.eval();
            return new NetworkUnderTest(module, module.call);
        }
        catch (ExternalException fault)
        {
            throw new UserErrorException($"--baseline: '{file}' cannot be loaded: {fault.Message.Split('\n')[0]}");
        }
    }

    /// <summary>The baseline that was asked for.</summary>
    public static NetworkUnderTest BaselineOf(BenchOptions options) =>
        options.Baseline is { } file ? TorchScript(file, options.Device) : Plain(options.ModelFolder, options.Device);

    /// <summary>Says so where a GPU's calls could not be recorded.</summary>
    public IReadOnlyList<string> Notes => _obstacle() is { } obstacle ? [$"No CUDA graphs: {obstacle}."] : [];

    /// <param name="sample">float32 <c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <param name="timesteps">int64 <c>[batch]</c>. Borrowed.</param>
    /// <returns>float32, shaped like <paramref name="sample"/>; dies with the caller's scope.</returns>
    public Tensor Call(Tensor sample, Tensor timesteps) => _call(sample, timesteps);

    public void Dispose() => _owned.Dispose();
}
