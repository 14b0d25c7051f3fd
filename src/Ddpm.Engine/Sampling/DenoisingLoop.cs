using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>A picture to draw: the table it follows and the noise it starts from.</summary>
/// <param name="Plan">Its sampler.</param>
/// <param name="Seed">With <paramref name="Image"/>, decides its noise.</param>
/// <param name="Image">Its index under the seed.</param>
public sealed record ImageToDraw(SamplingPlan Plan, ulong Seed, uint Image)
{
    /// <summary>Its class; null for none.</summary>
    public int? ClassLabel { get; init; }

    /// <summary>x at the level of the plan's first step, <c>[channels, height, width]</c>; null for noise. A run that begins with a picture has one.</summary>
    public float[]? Start { get; init; }

    /// <summary>What of the picture is given; null for nothing.</summary>
    public KnownRegion? Known { get; init; }

    /// <summary>How much more of its class than there would be by itself: 1 for no guidance, 0 for no class.</summary>
    public double GuidanceScale { get; init; } = 1;
}

/// <summary>Standard normals for one picture at one step: 0 for x_T, k + 1 for the noise that sampling step k adds.</summary>
public delegate void NoiseSource(ImageToDraw image, int step, Span<float> destination);

/// <summary>Sees a step that has been taken.</summary>
/// <param name="step">From 0.</param>
/// <param name="images">Indices of the pictures that moved.</param>
/// <param name="sample">x after the step, <c>[moved, channels, height, width]</c>. Borrowed.</param>
/// <param name="original">x̂₀ of the step, shaped alike. Borrowed.</param>
public delegate void StepObserver(int step, IReadOnlyList<int> images, Tensor sample, Tensor original);

/// <summary>Runs any sampling plans. Each picture carries its own table, so pictures of different requests share the network's calls.</summary>
public sealed class DenoisingLoop
{
    private readonly GuidedDenoiser _network;
    private readonly Device _device;
    private readonly NoiseSource _noise;
    private readonly int _channels;

    /// <param name="network">In evaluation mode, on <paramref name="device"/>. Borrowed.</param>
    /// <param name="device">Where the loop runs.</param>
    /// <param name="noise">Null for <see cref="PhiloxNoise"/>.</param>
    /// <param name="nullClass">The label that stands for no class; null where there is none.</param>
    public DenoisingLoop(UNet network, Device device, NoiseSource? noise = null, int? nullClass = null)
        : this((sample, timesteps, labels) => network.call(sample, timesteps, labels), network.Config.InChannels, device, noise, nullClass)
    {
    }

    /// <param name="network">Anything that answers like one. Borrowed.</param>
    /// <param name="channels">Of a picture.</param>
    /// <param name="device">Where the loop runs.</param>
    /// <param name="noise">Null for <see cref="PhiloxNoise"/>.</param>
    /// <param name="nullClass">The label that stands for no class; null where there is none.</param>
    public DenoisingLoop(Denoiser network, int channels, Device device, NoiseSource? noise = null, int? nullClass = null)
    {
        _network = new GuidedDenoiser(network, nullClass);
        _channels = channels;
        _device = device;
        _noise = noise ?? ((image, step, destination) => PhiloxNoise.Fill(image.Seed, image.Image, (uint)step, destination));
    }

    /// <summary>Draws all pictures in one batch.</summary>
    /// <param name="images">At least one. Pictures with fewer steps leave the batch when they are done.</param>
    /// <param name="height">Rows of a picture.</param>
    /// <param name="width">Columns of a picture.</param>
    /// <param name="afterStep">Called after each network call with the number of pictures that it moved on.</param>
    /// <param name="cancellationToken">Looked at between network calls.</param>
    /// <param name="observer">Sees every step; null for nobody.</param>
    /// <returns>x_0, float32 <c>[images, channels, height, width]</c> on the loop's device, about [-1, 1]; the caller disposes it.</returns>
    public Tensor Run(
        IReadOnlyList<ImageToDraw> images, int height, int width, Action<int>? afterStep, CancellationToken cancellationToken, StepObserver? observer = null)
    {
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        var finished = new Tensor?[images.Count];
        var state = LoopState.At(Enumerable.Range(0, images.Count).ToList(), Start(images, height, width));
        for (var step = 0; ; step++)
        {
            state.Retire(index => images[index].Plan.Steps.Count == step, finished);
            if (state.Active.Count == 0)
                break;
            cancellationToken.ThrowIfCancellationRequested();
            using (var stepScope = NewDisposeScope())
            {
                var active = state.Active.Select(index => images[index]).ToList();
                var (next, kept, original) = Step(state, active, step);
                observer?.Invoke(step, state.Active, next, original);
                state.MoveTo(next, kept);
            }

            afterStep?.Invoke(state.Active.Count);
        }

        return cat([.. finished.Select(image => image!)], dim: 0).MoveToOuterDisposeScope();
    }

    private Tensor Start(IReadOnlyList<ImageToDraw> images, int height, int width)
    {
        var scales = tensor(images.Select(image => image.Start is null ? (float)image.Plan.InitialScale : 1).ToArray()).Send(_device).view(-1, 1, 1, 1);
        return scales * Values(images, [_channels, height, width], (image, destination) =>
        {
            if (image.Start is { } start)
                start.CopyTo(destination);
            else
                _noise(image, 0, destination);
        });
    }

    // The equations of SamplingStep, each picture with its own row.
    private (Tensor Next, Tensor? Kept, Tensor Original) Step(LoopState state, List<ImageToDraw> images, int step)
    {
        var rows = images.Select(image => image.Plan.Steps[step]).ToArray();
        var weights = new StepWeights(rows, _device);
        var x = state.Sample;
        var noise = weights.Uses(StepWeights.Noise) || weights.Uses(StepWeights.Churn) ? Noise(images, step + 1, x.shape[1..]) : null;
        var answer = _network.Call(x, tensor(rows.Select(row => (float)row.Timestep).ToArray()).Send(_device), images);
        var output = answer.shape[1] == _channels ? answer : answer.narrow(1, 0, _channels);
        if (weights.Uses(StepWeights.Churn))
            x = x + (weights.Of(StepWeights.Churn) * noise!);

        var original = weights.Sum((StepWeights.OriginalOfSample, () => x), (StepWeights.OriginalOfOutput, () => output))!;
        original = OriginalBounds.Apply(original, [.. images.Select(image => image.Plan.Bound)]);
        Tensor Epsilon() => weights.Sum((StepWeights.EpsilonOfSample, () => x), (StepWeights.EpsilonOfOutput, () => output))!;

        var next = weights.Sum(
            (StepWeights.Original, () => original),
            (StepWeights.Sample, () => x),
            (StepWeights.Epsilon, Epsilon),
            (StepWeights.History1, () => state.History[0]!),
            (StepWeights.History2, () => state.History[1]!),
            (StepWeights.History3, () => state.History[2]!),
            (StepWeights.Noise, () => noise! * LearnedDeviation(weights, answer)))!;
        var kept = weights.Sum((StepWeights.KeptSample, () => x), (StepWeights.KeptOriginal, () => original), (StepWeights.KeptEpsilon, Epsilon));
        return (KnownRegion.PutInto(next, images, step), kept, original);
    }

    // Nichol & Dhariwal 2021, eq. 15: v in [0, 1], here from the network's [-1, 1], goes from the one logarithm to the other. 1 where nothing was learned.
    private Tensor LearnedDeviation(StepWeights weights, Tensor answer)
    {
        if (!weights.Uses(StepWeights.MinLogVariance) && !weights.Uses(StepWeights.MaxLogVariance))
            return ones(1, device: _device);
        var share = (answer.narrow(1, _channels, _channels) + 1) / 2;
        var logVariance = (share * weights.Of(StepWeights.MaxLogVariance)) + ((1 - share) * weights.Of(StepWeights.MinLogVariance));
        return (0.5 * logVariance).exp();
    }

    private Tensor Noise(IReadOnlyList<ImageToDraw> images, int step, long[] shape) => Values(images, shape, (image, destination) => _noise(image, step, destination));

    private Tensor Values(IReadOnlyList<ImageToDraw> images, long[] shape, Action<ImageToDraw, Span<float>> fill)
    {
        var elements = (int)(shape[0] * shape[1] * shape[2]);
        var values = new float[elements * images.Count];
        for (var slot = 0; slot < images.Count; slot++)
            fill(images[slot], values.AsSpan(slot * elements, elements));
        return tensor(values, [images.Count, .. shape]).Send(_device);
    }
}
