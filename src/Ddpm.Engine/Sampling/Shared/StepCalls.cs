using Ddpm.Engine.Sampling.Steps;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>Moves pictures of any requests a step on, in one network call if that goes well. Belongs to one thread.</summary>
internal sealed class StepCalls(StepNetwork network, int height, int width) : IDisposable
{
    /// <summary>Knows where pictures are.</summary>
    public Stepper Stepper { get; } = Stepper.For(network, height, width);

    /// <summary>Pictures that a call may have: fewer once so many have failed together that did not fail apart, for want of memory.</summary>
    public int MostPictures { get; private set; } = CallCosts.MostRows;

    /// <param name="images">At least one.</param>
    /// <returns>Those that could not be moved, and why.</returns>
    public Dictionary<RunningImage, Exception> Advance(IReadOnlyList<RunningImage> images)
    {
        var faults = new Dictionary<RunningImage, Exception>();
        Advance(images, faults);
        return faults;
    }

    public void Dispose() => Stepper.Dispose();

    // What fails together may work apart: where memory was short for so many, or one picture is to blame.
    private void Advance(IReadOnlyList<RunningImage> images, Dictionary<RunningImage, Exception> faults)
    {
        try
        {
            Stepper.Advance(images);
        }
#pragma warning disable CA1031 // Whatever it is, the pictures that are not to blame go on.
        catch (Exception) when (images.Count > 1)
        {
            var (half, before) = (images.Count / 2, faults.Count);
            Advance([.. images.Take(half)], faults);
            Advance([.. images.Skip(half)], faults);
            if (faults.Count == before)
                MostPictures = Math.Min(MostPictures, half);
        }
        catch (Exception fault)
#pragma warning restore CA1031
        {
            faults[images[0]] = fault;
        }
    }
}
