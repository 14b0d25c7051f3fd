using Ddpm.Engine.Networks;

namespace Ddpm.Engine.Training;

/// <summary>What training cannot do without of its device's memory: less than it takes, so that who refuses a run for want of it refuses none that would fit.</summary>
/// <param name="StateBytes">Weights, their average, their half-precision copy and the optimizer's two moments: held from the first step to the last.</param>
/// <param name="StepBytes">Gradients, and what the forward pass leaves for the backward pass, where both together are largest.</param>
public sealed record TrainingMemory(long StateBytes, long StepBytes)
{
    private const double Wide = sizeof(float);

    /// <summary>Both together.</summary>
    public long Bytes => StateBytes + StepBytes;

    /// <summary>Counts from the configuration alone, before there is a network.</summary>
    /// <remarks>Not counted: room for work, the copy of a checkpoint, previews, and the program itself.</remarks>
    /// <param name="config">How to train.</param>
    /// <param name="network">What to train.</param>
    /// <param name="height">Of the pictures, in pixels.</param>
    /// <param name="width">Of the pictures, in pixels.</param>
    /// <exception cref="UNetConfigException">The network cannot be built.</exception>
    public static TrainingMemory AtLeast(TrainingConfig config, UNetConfig network, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(network);
        network.Validate();
        var parts = NetworkPart.Of(network, (long)height * width);
        var narrow = config.Precision == TrainingPrecision.Float32 ? 0 : sizeof(ushort);
        var state = parts.Sum(part => part.Weights) * ((3 * Wide) + (config.EmaDecay == 0 ? 0 : Wide) + narrow);
        return new TrainingMemory((long)state, (long)PeakOfStep(config, parts, narrow == 0 ? Wide : narrow));
    }

    private static double PeakOfStep(TrainingConfig config, IReadOnlyList<NetworkPart> parts, double size)
    {
        var isNarrow = size < Wide;
        var weights = parts.Sum(part => part.Weights);
        var sums = weights * Wide; // gradients of passes, added up
        var gradients = (isNarrow, config.GradientAccumulationSteps) switch
        {
            (true, > 1) => sums + (weights * size),
            (true, 1) when config.Precision == TrainingPrecision.BFloat16 => weights * size, // widened as the optimizer reads them
            _ => sums,
        };
        var peak = Math.Max(gradients, PeakOfPass(config, parts, size, size));
        // Of two passes the second may be the short one at the end of an epoch, in every step; of three one of the later two is whole.
        return config.GradientAccumulationSteps > 2 ? Math.Max(peak, sums + PeakOfPass(config, parts, size, isNarrow ? size : 0)) : peak;
    }

    // The backward pass goes from the last part to the first: what was kept for a part is needed until its turn, its gradients exist from then on.
    private static double PeakOfPass(TrainingConfig config, IReadOnlyList<NetworkPart> parts, double size, double gradientSize)
    {
        var (kept, done, peak) = (parts.Sum(Kept), 0.0, 0.0);
        foreach (var part in parts.Reverse())
        {
            var again = config.GradientCheckpointing ? part.Recomputable : 0;
            peak = Math.Max(peak, ((kept + again) * config.BatchSize * size) + (done * gradientSize));
            kept -= Kept(part);
            done += part.Weights;
        }

        return peak;

        double Kept(NetworkPart part) => part.Kept + (config.GradientCheckpointing ? 0 : part.Recomputable);
    }
}
