using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Sampling.Guides;

/// <summary>What pictures are drawn from besides noise.</summary>
public abstract record SamplingGuide
{
    /// <summary>How much of a picture is drawn anew where nothing else is asked: half.</summary>
    public const double UsualStrength = 0.5;

    /// <summary>The given pictures, checked against the model before anything else.</summary>
    internal abstract IEnumerable<PixelBatch> Pictures { get; }

    /// <summary>The pictures to draw, ready for the loop.</summary>
    /// <param name="model">Supplies the schedule and the pictures' shape.</param>
    /// <param name="request">How many, under which seed, by which sampler.</param>
    /// <exception cref="SamplingException">The request does not go with the guide.</exception>
    internal abstract IReadOnlyList<ImageToDraw> Images(DiffusionModel model, SampleRequest request);

    /// <exception cref="SamplingException"><paramref name="strength"/> is not from 0 to 1.</exception>
    internal static void CheckStrength(double strength)
    {
        if (!(strength is >= 0 and <= 1))
            throw new SamplingException($"strength is {strength}; 0 to 1 is accepted.");
    }
}
