using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling.Steps;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>Runs any sampling plans, all pictures in one batch. Each carries its own table, so pictures of different samplers share the network's calls.</summary>
internal sealed class DenoisingLoop
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
        using var scope = NewDisposeScope();
        return tensor(finished, [images.Count, _network.Channels, height, width]).Send(_network.Device).MoveToOuterDisposeScope();
    }
}
