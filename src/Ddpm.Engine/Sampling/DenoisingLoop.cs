using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling.Steps;
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

/// <summary>Sees a step that a picture has taken.</summary>
/// <param name="step">From 0.</param>
/// <param name="image">Index of the picture.</param>
/// <param name="sample">x after the step, <c>[channels, height, width]</c>. Borrowed.</param>
/// <param name="original">x̂₀ of the step, likewise.</param>
public delegate void StepObserver(int step, int image, ReadOnlySpan<float> sample, ReadOnlySpan<float> original);

/// <summary>Runs any sampling plans, all pictures in one batch. Each carries its own table, so pictures of different samplers share the network's calls.</summary>
public sealed class DenoisingLoop
{
    private readonly StepNetwork _network;
    private readonly NoiseSource? _noise;

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
        _network = new StepNetwork(network, channels, device) { NullClass = nullClass };
        _noise = noise;
    }

    /// <summary>Draws all pictures in one batch.</summary>
    /// <param name="images">At least one. Pictures with fewer steps leave the batch when they are done.</param>
    /// <param name="height">Rows of a picture.</param>
    /// <param name="width">Columns of a picture.</param>
    /// <param name="afterStep">Called after each network call with the number of pictures that it moved on.</param>
    /// <param name="cancellationToken">Looked at between network calls.</param>
    /// <param name="observer">Sees every step of every picture; null for nobody. Must not throw.</param>
    /// <returns>x_0, float32 <c>[images, channels, height, width]</c> on the loop's device, about [-1, 1]; the caller disposes it.</returns>
    public Tensor Run(
        IReadOnlyList<ImageToDraw> images, int height, int width, Action<int>? afterStep, CancellationToken cancellationToken, StepObserver? observer = null)
    {
        var watch = observer is null ? null : new StepWatch(_ => true, observer);
        using var stepper = Stepper.For(_network, height, width, _noise);
        List<RunningImage> running = [.. images.Select((image, index) => new RunningImage(image, index, watch))];
        var active = running.Where(image => !image.IsDone).ToList();
        while (active.Count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            stepper.Advance(active);
            afterStep?.Invoke(active.Count);
            active.RemoveAll(image => image.IsDone);
        }

        var elements = _network.Channels * height * width;
        var finished = new float[images.Count * elements];
        foreach (var image in running)
            stepper.Take(image, finished.AsSpan(image.Index * elements, elements));
        return tensor(finished, [images.Count, _network.Channels, height, width]).Send(_network.Device);
    }
}
