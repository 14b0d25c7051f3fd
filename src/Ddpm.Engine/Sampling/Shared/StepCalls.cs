using Ddpm.Engine.Sampling.Steps;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>Moves pictures of any requests a step on: in one network call, or in one for each, several side by side. Belongs to one thread.</summary>
/// <remarks>ATen's CPU kernels round differently at different batch sizes, so that a picture alone and the same picture among 16 would differ in the last bits.
/// With calls of one picture, each on a single thread, they are equal; and since small networks gain little from many threads a call, that is the faster way too.</remarks>
internal sealed class StepCalls : IDisposable
{
    private readonly Func<Stepper> _make;
    private readonly List<Stepper> _steppers; // one a lane
    private readonly LaneCrew? _crew;

    public StepCalls(StepNetwork network, int height, int width)
    {
        _make = () => Stepper.For(network, height, width);
        _steppers = [_make()];
        _crew = HasLanes(network) ? new LaneCrew() : null;
    }

    /// <summary>Knows where pictures are.</summary>
    public Stepper Stepper => _steppers[0];

    /// <summary>Whether pictures do not share calls.</summary>
    public static bool HasLanes(StepNetwork network) => network.IsOnHost && !network.IsBatchInvariant;

    /// <param name="images">At least one.</param>
    /// <param name="lanes">How many side by side, where they do not share a call; at least 1.</param>
    /// <returns>Those that could not be moved, and why.</returns>
    public IReadOnlyList<(RunningImage Image, Exception Fault)> Advance(IReadOnlyList<RunningImage> images, int lanes)
    {
        var faults = new List<(RunningImage, Exception)>();
        if (_crew is null)
        {
            Together(images, faults);
            return faults;
        }

        while (_steppers.Count < Math.Min(lanes, images.Count))
            _steppers.Add(_make());
        _crew.Run(images.Count, lanes, (lane, piece) =>
        {
            try
            {
                _steppers[lane].Advance([images[piece]]);
            }
#pragma warning disable CA1031 // Whatever it is, it is this picture's alone.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                lock (faults)
                    faults.Add((images[piece], fault));
            }
        });
        return faults;
    }

    public void Dispose()
    {
        _crew?.Dispose();
        _steppers.ForEach(stepper => stepper.Dispose());
    }

    // What fails together may work apart: where memory was short for so many, or one picture is to blame.
    private void Together(IReadOnlyList<RunningImage> images, List<(RunningImage, Exception)> faults)
    {
        try
        {
            Stepper.Advance(images);
        }
#pragma warning disable CA1031 // Whatever it is, the pictures that are not to blame go on.
        catch (Exception) when (images.Count > 1)
        {
            Together([.. images.Take(images.Count / 2)], faults);
            Together([.. images.Skip(images.Count / 2)], faults);
        }
        catch (Exception fault)
#pragma warning restore CA1031
        {
            faults.Add((images[0], fault));
        }
    }
}
