using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>A network to be timed: ours as drawing calls it, ours plain, or someone else's as TorchScript.</summary>
internal sealed class NetworkUnderTest : IDisposable
{
    private readonly Func<Tensor, Tensor, Tensor?, Tensor> _call;
    private readonly IDisposable _owned;
    private Func<IReadOnlyList<string>> _notes = () => [];

    private NetworkUnderTest(IDisposable owned, Func<Tensor, Tensor, Tensor?, Tensor> call) => (_owned, _call) = (owned, call);

    /// <summary>What a report calls it.</summary>
    public string Name { get; private init; } = "ours";

    /// <summary>Whether pictures of one call can be at timesteps that differ.</summary>
    public bool TakesTimestepsThatDiffer { get; private init; } = true;

    /// <summary>What there is to know about its calls, a sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes();

    /// <summary>The network of a diffusers folder, as drawing calls it.</summary>
    public static NetworkUnderTest Create(string folder, Device device, SamplingPrecision precision, CudaOptions? cuda = null, int? threads = null)
    {
        var network = SamplingNetwork.Of(DiffusersFolder.Open(folder).LoadNetwork(device), device, precision, cuda, threads);
        return new NetworkUnderTest(network, network.Call) { _notes = () => network.Obstacle is { } obstacle ? [$"No CUDA graphs: {obstacle}."] : [] };
    }

    /// <summary>The baseline that was asked for: a TorchScript file, or the network of the folder block by block through ATen in float32, which training calls.</summary>
    public static NetworkUnderTest BaselineOf(BenchOptions options, string folder)
    {
        var plain = Plain(folder, options.Device);
        if (options.Baseline is not { } file)
            return plain;
        using (plain)
        {
            var traced = TracedNetwork.Load(file, plain, new NetworkInputs(DiffusersFolder.Open(folder).Network, options.Device), options.Batches);
            return new NetworkUnderTest(traced, traced.Call)
            {
                Name = "TorchScript",
                TakesTimestepsThatDiffer = traced.Form.IsOfEachPicture,
                _notes = () => [$"TorchScript takes its timestep as {traced.Form.Name}."],
            };
        }
    }

    /// <param name="sample">float32 <c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <param name="timesteps">int64 <c>[batch]</c>. Borrowed.</param>
    /// <param name="labels">int64 <c>[batch]</c> of a network that knows classes. Borrowed.</param>
    /// <returns>float32, shaped like <paramref name="sample"/>; dies with the caller's scope.</returns>
    public Tensor Call(Tensor sample, Tensor timesteps, Tensor? labels = null) => _call(sample, timesteps, labels);

    public void Dispose() => _owned.Dispose();

    private static NetworkUnderTest Plain(string folder, Device device)
    {
        var network = DiffusersFolder.Open(folder).LoadNetwork(device);
        return new NetworkUnderTest(network, network.call) { Name = "plain network" };
    }
}
