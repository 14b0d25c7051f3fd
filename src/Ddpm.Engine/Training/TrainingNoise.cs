using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>The random choices of Algorithm 1 as functions of (seed, batch index, place in the batch): a resumed run makes the same ones.</summary>
internal static class TrainingNoise
{
    /// <returns>ε, float32, shaped like the batch.</returns>
    public static Tensor Normal(ulong seed, long batch, long[] shape, Device device)
    {
        var elements = (int)(shape[1] * shape[2] * shape[3]);
        var values = new float[shape[0] * elements];
        for (var place = 0; place < shape[0]; place++)
            PhiloxNoise.Fill(seed, (uint)place, (uint)batch, values.AsSpan(place * elements, elements), NoisePurpose.TrainingNoise);
        return tensor(values, shape).to(device);
    }

    /// <returns>int64 <c>[count]</c>, uniform in [0, T).</returns>
    public static Tensor Timesteps(ulong seed, long batch, int count, int trainSteps, Device device)
    {
        // 32 random bits times T: the bias is below T / 2³².
        var values = Enumerable.Range(0, count)
            .Select(place => (long)((ulong)PhiloxNoise.Bits(seed, (uint)place, (uint)batch, NoisePurpose.TrainingTimestep) * (ulong)trainSteps >> 32))
            .ToArray();
        return tensor(values).to(device);
    }
}
