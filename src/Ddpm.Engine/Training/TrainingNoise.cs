using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>The random choices of Algorithm 1 as functions of (seed, batch index, place in the batch): a resumed run makes the same ones.</summary>
internal static class TrainingNoise
{
    /// <returns>ε, float32, shaped like the batch.</returns>
    public static Tensor Normal(ulong seed, long batch, long[] shape, Device device) =>
        tensor(Normal(seed, batch, (int)shape[0], (int)(shape[1] * shape[2] * shape[3])), shape).to(device);

    /// <returns>ε, picture after picture.</returns>
    public static float[] Normal(ulong seed, long batch, int count, int elements)
    {
        var values = new float[count * elements];
        for (var place = 0; place < count; place++)
            PhiloxNoise.Fill(seed, (uint)place, (uint)batch, values.AsSpan(place * elements, elements), NoisePurpose.TrainingNoise);
        return values;
    }

    /// <summary>Labels, some of them replaced by the null class. Ho &amp; Salimans 2022, algorithm 1.</summary>
    /// <param name="seed">With <paramref name="batch"/> and the place, decides which.</param>
    /// <param name="batch">Index of the batch in the run.</param>
    /// <param name="labels">Of the pictures; -1 for those without a class, which always become the null class.</param>
    /// <param name="dropout">Probability of replacing a label, in [0, 1].</param>
    /// <param name="nullClass">Null where no label is ever replaced.</param>
    public static long[] Labels(ulong seed, long batch, long[] labels, double dropout, int? nullClass)
    {
        return nullClass is not { } none ? labels : [.. labels.Select((label, place) => label < 0 || IsDropped(place) ? none : label)];

        bool IsDropped(int place) => PhiloxNoise.Bits(seed, (uint)place, (uint)batch, NoisePurpose.LabelDropout) < dropout * 4294967296.0; // 2³²
    }

    /// <returns>int64 <c>[count]</c>, uniform in [0, T).</returns>
    public static Tensor Timesteps(ulong seed, long batch, int count, int trainSteps, Device device) => tensor(Timesteps(seed, batch, count, trainSteps)).to(device);

    /// <returns>Uniform in [0, T).</returns>
    public static long[] Timesteps(ulong seed, long batch, int count, int trainSteps) => [.. Enumerable.Range(0, count)
        .Select(place => (long)((ulong)PhiloxNoise.Bits(seed, (uint)place, (uint)batch, NoisePurpose.TrainingTimestep) * (ulong)trainSteps >> 32))]; // the bias is below T / 2³²
}
