using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>A picture to draw: the table it follows and the noise it starts from.</summary>
/// <param name="Plan">Its sampler.</param>
/// <param name="Seed">With <paramref name="Image"/>, decides its noise.</param>
/// <param name="Image">Its index under the seed.</param>
public sealed record ImageToDraw(SamplingPlan Plan, ulong Seed, uint Image);

/// <summary>Standard normals for one picture at one step: 0 for x_T, k + 1 for the noise that sampling step k adds.</summary>
public delegate void NoiseSource(ImageToDraw image, int step, Span<float> destination);

/// <summary>Runs any sampling plans. Each picture carries its own table, so pictures of different requests share the network's calls.</summary>
public sealed class DenoisingLoop
{
    private readonly UNet _network;
    private readonly Device _device;
    private readonly NoiseSource _noise;

    /// <param name="network">In evaluation mode, on <paramref name="device"/>. Borrowed.</param>
    /// <param name="device">Where the loop runs.</param>
    /// <param name="noise">Null for <see cref="PhiloxNoise"/>.</param>
    public DenoisingLoop(UNet network, Device device, NoiseSource? noise = null)
    {
        _network = network;
        _device = device;
        _noise = noise ?? ((image, step, destination) => PhiloxNoise.Fill(image.Seed, image.Image, (uint)step, destination));
    }

    /// <summary>Draws all pictures in one batch.</summary>
    /// <param name="images">At least one. Pictures with fewer steps leave the batch when they are done.</param>
    /// <param name="height">Rows of a picture.</param>
    /// <param name="width">Columns of a picture.</param>
    /// <param name="afterStep">Called after each network call with the number of pictures that it moved on.</param>
    /// <param name="cancellationToken">Looked at between network calls.</param>
    /// <returns>x_0, float32 <c>[images, channels, height, width]</c> on the loop's device, about [-1, 1]; the caller disposes it.</returns>
    public Tensor Run(IReadOnlyList<ImageToDraw> images, int height, int width, Action<int>? afterStep, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        long[] shape = [_network.Config.InChannels, height, width];
        var finished = new Tensor?[images.Count];
        var active = Enumerable.Range(0, images.Count).ToList();
        var x = Noise(images, active, step: 0, shape);
        Tensor? history = null; // x̂₀ of the step before
        for (var step = 0; active.Count > 0; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using (var stepScope = NewDisposeScope())
            {
                var rows = active.Select(index => images[index].Plan.Steps[step]).ToArray();
                var noise = rows.Any(row => row.Noise != 0) ? Noise(images, active, step + 1, shape) : null;
                var (next, original) = Step(x, history, noise, rows, [.. active.Select(index => images[index].Plan.ClipRange)]);
                (x, history) = (Replace(x, next), Replace(history, original));
            }

            afterStep?.Invoke(active.Count);
            (x, history, active) = Retire(images, active, step + 1, x, history, finished);
        }

        return cat([.. finished.Select(image => image!)], dim: 0).MoveToOuterDisposeScope();
    }

    // x' = Sample·x + Original·x̂₀ + Epsilon·ε̂ + History·x̂₀(previous) + Noise·z, each picture with its own row.
    private (Tensor Next, Tensor Original) Step(Tensor x, Tensor? history, Tensor? noise, SamplingStep[] rows, double?[] clipRanges)
    {
        var timesteps = tensor(rows.Select(row => (float)row.Timestep).ToArray()).to(_device);
        var epsilon = _network.call(x, timesteps, null);
        var original = (x - (Column(rows, row => row.NoiseRate) * epsilon)) / Column(rows, row => row.SignalRate);
        if (clipRanges.Any(range => range is not null))
        {
            var bounds = tensor(clipRanges.Select(range => (float)(range ?? double.PositiveInfinity)).ToArray()).to(_device).view(-1, 1, 1, 1);
            original = original.clamp(-bounds, bounds);
        }

        var next = Column(rows, row => row.Original) * original;
        Add(row => row.Sample, x);
        Add(row => row.Epsilon, epsilon);
        Add(row => row.History, history);
        Add(row => row.Noise, noise);
        return (next, original);

        void Add(Func<SamplingStep, double> weight, Tensor? term)
        {
            if (term is not null && rows.Any(row => weight(row) != 0))
                next = next + (Column(rows, weight) * term);
        }
    }

    private Tensor Column(SamplingStep[] rows, Func<SamplingStep, double> weight) =>
        tensor(rows.Select(row => (float)weight(row)).ToArray()).to(_device).view(-1, 1, 1, 1);

    private Tensor Noise(IReadOnlyList<ImageToDraw> images, List<int> active, int step, long[] shape)
    {
        var elements = (int)(shape[0] * shape[1] * shape[2]);
        var values = new float[elements * active.Count];
        for (var slot = 0; slot < active.Count; slot++)
            _noise(images[active[slot]], step, values.AsSpan(slot * elements, elements));
        return tensor(values, [active.Count, .. shape]).to(_device);
    }

    private static Tensor Replace(Tensor? old, Tensor fresh)
    {
        old?.Dispose();
        return fresh.MoveToOuterDisposeScope();
    }

    private static (Tensor X, Tensor? History, List<int> Active) Retire(
        IReadOnlyList<ImageToDraw> images, List<int> active, int stepsDone, Tensor x, Tensor? history, Tensor?[] finished)
    {
        var staying = Enumerable.Range(0, active.Count).Where(slot => images[active[slot]].Plan.Steps.Count > stepsDone).ToArray();
        if (staying.Length == active.Count)
            return (x, history, active);
        foreach (var slot in Enumerable.Range(0, active.Count).Except(staying))
            finished[active[slot]] = x[slot].unsqueeze(0);
        var rows = tensor(staying.Select(slot => (long)slot).ToArray()).to(x.device);
        return (x.index_select(0, rows), history?.index_select(0, rows), [.. staying.Select(slot => active[slot])]);
    }
}
