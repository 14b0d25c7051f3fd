using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Steps;

/// <summary>Steps on a CPU: the network's input is written, and its answer read, where it lies in the host's memory.</summary>
internal sealed class HostStepper(StepNetwork network, int height, int width, NoiseSource? noise = null) : Stepper(network, height, width, noise)
{
    private readonly HostArithmetic _arithmetic = new(network.Channels * height * width);
    private Tensor? _sample; // [largest call so far, channels, height, width]
    private Tensor? _timesteps;

    public override void Advance(IReadOnlyList<RunningImage> images)
    {
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        var guided = images.Count(image => image.IsGuided);
        var answer = Ask(images, guided);
        var ofOne = (int)(answer.numel() / (images.Count + guided));
        var output = MemoryMarshal.Cast<byte, float>(answer.bytes);
        for (var (slot, other) = (0, images.Count); slot < images.Count; slot++)
        {
            var mine = output.Slice(slot * ofOne, ofOne);
            if (images[slot].IsGuided) // what says the variance is not guided
                SpanMath.Guide((float)images[slot].Image.GuidanceScale, output.Slice(other++ * ofOne, Elements), mine[..Elements]);
            _arithmetic.Step(images[slot], mine, FillNoise);
        }
    }

    public override void Take(RunningImage image, Span<float> sample)
    {
        Begin(image);
        image.Sample!.CopyTo(sample);
        Drop(image);
    }

    public override void Drop(RunningImage image)
    {
        image.Sample = null;
        image.History.AsSpan().Clear();
    }

    public override void Dispose()
    {
        _sample?.Dispose();
        _timesteps?.Dispose();
    }

    // Classifier-free guidance. Ho & Salimans 2022, eq. 6: guided pictures lie behind the others once more, as of no class.
    private Tensor Ask(IReadOnlyList<RunningImage> images, int guided)
    {
        var rows = images.Count + guided;
        Reserve(rows);
        var samples = MemoryMarshal.Cast<byte, float>(_sample!.bytes);
        var timesteps = MemoryMarshal.Cast<byte, float>(_timesteps!.bytes);
        var labels = Labels(images);
        if (guided > 0)
            labels = [.. labels!, .. Enumerable.Repeat((long)NullClass(), guided)];
        for (var (slot, other) = (0, images.Count); slot < images.Count; slot++)
        {
            Begin(images[slot]);
            Put(images[slot], slot, samples, timesteps);
            if (images[slot].IsGuided)
                Put(images[slot], other++, samples, timesteps);
        }

        return Ask(_sample.narrow(0, 0, rows), _timesteps.narrow(0, 0, rows), labels).contiguous();
    }

    private void Put(RunningImage image, int row, Span<float> samples, Span<float> timesteps)
    {
        image.Sample!.CopyTo(samples[(row * Elements)..]);
        timesteps[row] = (float)image.Row.Timestep;
    }

    private void Begin(RunningImage image)
    {
        if (image.Sample is null)
            FillStart(image.Image, image.Sample = new float[Elements]);
    }

    private void Reserve(int rows)
    {
        if (_sample?.shape[0] >= rows)
            return;
        Dispose();
        _sample = empty([rows, Network.Channels, Height, Width], ScalarType.Float32).DetachFromDisposeScope();
        _timesteps = empty([rows], ScalarType.Float32).DetachFromDisposeScope();
    }
}
