using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling.Steps;

namespace Ddpm.Engine.Sampling;

/// <summary>How pictures come about: what the network takes the finished pictures to be, x̂₀, after some of the steps, and at last the pictures themselves.
/// Ho et al. 2020, figure 6.</summary>
/// <remarks>Belongs to one run of <see cref="DiffusionModel.Sample"/>, which fills it.</remarks>
public sealed class Trajectory
{
    /// <summary>Runs of more steps keep only so many, evenly spread.</summary>
    public const int MostFrames = 50;

    private static readonly TimeSpan FrameTime = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LastFrameTime = TimeSpan.FromSeconds(2);

    private readonly Dictionary<int, int> _frameOfStep = [];
    private PixelBatch[] _frames = [];

    /// <summary>From the first step on, each with all pictures; none before the run has ended.</summary>
    public IReadOnlyList<PixelBatch> Frames { get; private set; } = [];

    /// <summary>How many frames a run has.</summary>
    /// <param name="steps">Rows of its table.</param>
    public static int FramesOf(int steps) => Math.Clamp(steps, 1, MostFrames);

    /// <summary>An animated WebP, each frame a grid seen for 0.1 seconds, the last for 2 seconds.</summary>
    /// <exception cref="ArgumentException">The pictures do not fit, or the animation would be too large.</exception>
    public byte[] EncodeWebP(int rows, int columns) => ImageGrid.EncodeWebP(Frames, rows, columns, FrameTime, LastFrameTime);

    internal void Begin(int steps, int images, int channels, int side)
    {
        // The place of the last belongs to the finished pictures, so x̂₀ of the last step is not kept.
        var kept = FramesOf(steps) - 1;
        _frameOfStep.Clear();
        for (var frame = 0; frame < kept; frame++)
            _frameOfStep[(int)((long)frame * (steps - 1) / kept)] = frame;
        _frames = [.. Enumerable.Range(0, kept).Select(_ => new PixelBatch(new byte[images * channels * side * side], images, channels, side, side))];
    }

    /// <summary>Watches the pictures of a run, which may come from several threads at once: each writes its own place.</summary>
    internal StepWatch Watch() => new(_frameOfStep.ContainsKey, (step, image, _, original) =>
    {
        var frame = _frames[_frameOfStep[step]];
        PixelRange.ToBytes(original, frame.Pixels.AsSpan(image * frame.ImageBytes, frame.ImageBytes));
    });

    internal void End(PixelBatch finished) => Frames = [.. _frames, finished];
}
