namespace Ddpm.Engine.Sampling;

/// <summary>Normal noise as a function of (seed, image, step): Philox4x32-10 (Salmon et al. 2011) and Box–Muller. No state, no stream.</summary>
public static class PhiloxNoise
{
    private const uint MultiplierA = 0xD2511F53;
    private const uint MultiplierB = 0xCD9E8D57;
    private const uint WeylA = 0x9E3779B9;
    private const uint WeylB = 0xBB67AE85;

    /// <summary>Fills <paramref name="destination"/> with independent standard normals, those of image <paramref name="image"/> at <paramref name="step"/>.</summary>
    /// <param name="seed">The key.</param>
    /// <param name="image">Which picture of the seed.</param>
    /// <param name="step">0 for x_T; k + 1 for the noise that sampling step k adds.</param>
    /// <param name="destination">Any length; a prefix of a longer fill is the same.</param>
    /// <param name="purpose">Separates uses of one seed, so that training and sampling never share noise.</param>
    public static void Fill(ulong seed, uint image, uint step, Span<float> destination, NoisePurpose purpose = NoisePurpose.Sampling)
    {
        for (var start = 0; start < destination.Length; start += 4)
        {
            var (a, b, c, d) = Block((uint)(start / 4) | ((uint)purpose << 28), step, image, 0, seed);
            var (first, second) = BoxMuller(a, b);
            var (third, fourth) = BoxMuller(c, d);
            destination[start] = first;
            if (start + 1 < destination.Length)
                destination[start + 1] = second;
            if (start + 2 < destination.Length)
                destination[start + 2] = third;
            if (start + 3 < destination.Length)
                destination[start + 3] = fourth;
        }
    }

    /// <summary>32 random bits, a function of all its arguments.</summary>
    public static uint Bits(ulong seed, uint image, uint step, NoisePurpose purpose) =>
        Block((uint)purpose << 28, step, image, 0, seed).A;

    /// <summary>Philox4x32 with ten rounds: four words from a counter of four words and a key of two.</summary>
    public static (uint A, uint B, uint C, uint D) Block(uint counter0, uint counter1, uint counter2, uint counter3, ulong key)
    {
        var (key0, key1) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < 10; round++)
        {
            var productA = (ulong)MultiplierA * counter0;
            var productB = (ulong)MultiplierB * counter2;
            (counter0, counter1, counter2, counter3) =
                ((uint)(productB >> 32) ^ counter1 ^ key0, (uint)productB, (uint)(productA >> 32) ^ counter3 ^ key1, (uint)productA);
            key0 += WeylA;
            key1 += WeylB;
        }

        return (counter0, counter1, counter2, counter3);
    }

    // Both uniforms use all 32 bits; the first is never 0, so the logarithm is finite and the tails reach 6.6 standard deviations.
    private static (float First, float Second) BoxMuller(uint first, uint second)
    {
        var radius = Math.Sqrt(-2 * Math.Log((first + 0.5) * (1.0 / 4294967296.0)));
        var (sin, cos) = Math.SinCos(second * (2 * Math.PI / 4294967296.0));
        return ((float)(radius * cos), (float)(radius * sin));
    }
}

/// <summary>What noise is for. Uses of one seed under different purposes are independent.</summary>
public enum NoisePurpose : uint
{
    /// <summary>x_T and the noise of reverse steps.</summary>
    Sampling = 0,

    /// <summary>ε of Algorithm 1.</summary>
    TrainingNoise = 1,

    /// <summary>t of Algorithm 1.</summary>
    TrainingTimestep = 2,

    /// <summary>The dropout of a training step.</summary>
    Dropout = 3,

    /// <summary>Which labels of a training step are left out.</summary>
    LabelDropout = 4,

    /// <summary>What the given part of a picture gets while the rest is painted.</summary>
    KnownRegion = 5,

    /// <summary>ε in the terms of the variational bound.</summary>
    EvaluationNoise = 8,

    /// <summary>t of those terms.</summary>
    EvaluationTimestep = 9,

    /// <summary>Directions that pictures are projected onto.</summary>
    EvaluationDirection = 10,
}
