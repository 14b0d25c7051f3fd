using Ddpm.Engine.Sampling.Guides;

namespace Ddpm.Engine.Sampling;

/// <summary>Pictures to draw. Picture <c>FirstImage + k</c> of a seed is the same whatever else is drawn with it.</summary>
public sealed record SampleRequest
{
    /// <summary>How many pictures; at least 1.</summary>
    public int Count { get; init; } = 16;

    /// <summary>Index of the first one under the seed; at least 0.</summary>
    public int FirstImage { get; init; }

    /// <summary>Decides all noise.</summary>
    public ulong Seed { get; init; }

    /// <summary>How.</summary>
    public SamplerConfig Sampler { get; init; } = new();

    /// <summary>Classes to draw: one for all pictures, or one for each; null or none for pictures of no class.</summary>
    public IReadOnlyList<int>? ClassLabels { get; init; }

    /// <summary>Classifier-free guidance: 1 for none, more for pictures that are more like their class and less like each other. At least 0.</summary>
    public double GuidanceScale { get; init; } = 1;

    /// <summary>Pictures drawn side by side on a CPU where each is a call of its own, by one thread; it does not change them. Of requests drawn together the
    /// largest number counts. At least 1; null for <see cref="TorchRuntime.Threads"/>, usually one a core.</summary>
    public int? Threads { get; init; }

    /// <summary>What the pictures are drawn from besides noise; null for nothing.</summary>
    public SamplingGuide? Guide { get; init; }

    /// <summary>One of the pictures, from noise.</summary>
    internal ImageToDraw ImageAt(int index, SamplingPlan plan) => new(plan, Seed, (uint)(FirstImage + index)) { ClassLabel = LabelOf(index), GuidanceScale = GuidanceScale };

    internal int? LabelOf(int index) => ClassLabels switch
    {
        null or { Count: 0 } => null,
        { Count: 1 } labels => labels[0],
        var labels => labels[index],
    };
}

/// <summary>How far a sampling run is.</summary>
/// <param name="StepsDone">Pictures times steps done.</param>
/// <param name="StepsTotal">Pictures times steps to do.</param>
public sealed record SamplingProgress(int StepsDone, int StepsTotal);
