using System.Diagnostics;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Steps;

/// <summary>Takes pictures a step onward. Not safe for several threads at once.</summary>
/// <remarks>A call that throws has moved none of its pictures, so it may be tried again with fewer.</remarks>
internal abstract class Stepper : IDisposable
{
    private readonly NoiseSource _noise;

    /// <param name="network">Asked.</param>
    /// <param name="height">Rows of a picture.</param>
    /// <param name="width">Columns of a picture.</param>
    /// <param name="noise">Null for <see cref="PhiloxNoise"/>.</param>
    protected Stepper(StepNetwork network, int height, int width, NoiseSource? noise)
    {
        (Network, Height, Width) = (network, height, width);
        _noise = noise ?? ((image, step, destination) => PhiloxNoise.Fill(image.Seed, image.Image, (uint)step, destination));
    }

    protected StepNetwork Network { get; }

    protected int Height { get; }

    protected int Width { get; }

    /// <summary>Floats of a picture.</summary>
    protected int Elements => Network.Channels * Height * Width;

    public static Stepper For(StepNetwork network, int height, int width, NoiseSource? noise = null) =>
        network.IsOnHost ? new HostStepper(network, height, width, noise) : new DeviceStepper(network, height, width, noise);

    /// <summary>One network call, after which each picture is a step further.</summary>
    /// <param name="images">At least one, none of them done.</param>
    public abstract void Advance(IReadOnlyList<RunningImage> images);

    /// <summary>Reads x and forgets the picture.</summary>
    /// <param name="image">Begun or not.</param>
    /// <param name="sample">Receives x, <c>[channels, height, width]</c>.</param>
    public abstract void Take(RunningImage image, Span<float> sample);

    /// <summary>Forgets a picture that nobody wants any more.</summary>
    public abstract void Drop(RunningImage image);

    public abstract void Dispose();

    /// <summary>A call of the network.</summary>
    /// <param name="sample">x of each row.</param>
    /// <param name="timesteps">Of each row.</param>
    /// <param name="labels">Of each row; null where the network knows no classes.</param>
    /// <returns>In float32.</returns>
    protected Tensor Ask(Tensor sample, Tensor timesteps, long[]? labels)
    {
        var began = Stopwatch.GetTimestamp();
        var answer = Network.Denoise(sample, timesteps, labels is null ? null : tensor(labels).Send(Network.Device)).to(ScalarType.Float32);
        Network.Meter.Count(sample.shape[0], Stopwatch.GetTimestamp() - began);
        return answer;
    }

    /// <summary>x before the first step.</summary>
    protected void FillStart(ImageToDraw image, Span<float> sample)
    {
        if (image.Start is { } start)
        {
            start.CopyTo(sample);
            return;
        }

        _noise(image, 0, sample);
        if (image.Plan.InitialScale != 1)
            SpanMath.Scale((float)image.Plan.InitialScale, sample, sample);
    }

    /// <summary>z of the step that comes next.</summary>
    protected void FillNoise(RunningImage image, Span<float> noise) => _noise(image.Image, image.Step + 1, noise);

    /// <summary>The labels of a call; null where the network knows no classes.</summary>
    protected long[]? Labels(IReadOnlyList<RunningImage> images)
    {
        if (Network.NullClass is null && images.All(image => image.Image.ClassLabel is null))
            return null;
        return [.. images.Select(image => (long?)image.Image.ClassLabel ?? Network.NullClass
            ?? throw new SamplingException("Some pictures have a class and some have none, which this model cannot draw."))];
    }

    /// <summary>The label of the other call of a guided picture.</summary>
    protected int NullClass() => Network.NullClass
        ?? throw new SamplingException("The model was not trained without classes too, so it cannot be guided: guidanceScale must be 1.");
}
