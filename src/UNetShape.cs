namespace Ddpm;

/// <summary>What of a UNet2DModel decides how much it computes.</summary>
/// <remarks>
/// Compiled into the engine, and into the API, which has no engine and knows what a run will cost before there is a network.
/// Counted are the multiplications and additions of convolutions, linear layers and attention. What is left out (norms, activations, embeddings of timesteps by table, biases) is some
/// percent, and is limited by memory, not by arithmetic.
/// </remarks>
internal sealed record UNetShape
{
    /// <summary>From the full resolution down; at least one.</summary>
    public required IReadOnlyList<UNetLevel> Levels { get; init; }

    /// <summary>Residual blocks of each level on the way down; one more on the way up.</summary>
    public required int LayersPerBlock { get; init; }

    /// <summary>Channels of x_t.</summary>
    public required int InChannels { get; init; }

    /// <summary>Channels of the output.</summary>
    public required int OutChannels { get; init; }

    /// <summary>Numbers that a timestep becomes before it is embedded.</summary>
    public required int TimestepWidth { get; init; }

    /// <summary>Width of the embedding that each residual block reads.</summary>
    public required int TimeEmbeddingWidth { get; init; }

    /// <summary>Channels of each attention head; null for a single head.</summary>
    public required int? HeadChannels { get; init; }

    /// <summary>Whether the time embedding scales and shifts instead of being added.</summary>
    public bool ScalesAndShifts { get; init; }

    /// <summary>Whether there are residual blocks at the lowest resolution.</summary>
    public bool HasMiddle { get; init; } = true;

    /// <summary>Whether there is attention between them.</summary>
    public bool MiddleAttends { get; init; } = true;

    /// <summary>Floating-point operations of one call for one picture.</summary>
    /// <param name="side">Rows, and columns, of the picture, in pixels; at least 1.</param>
    public double OperationsPerPicture(int side)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        var pixels = (double)side * side;
        var (top, bottom) = (Levels[0].Channels, Levels[^1].Channels);
        var products = (TimestepWidth * (double)TimeEmbeddingWidth) + ((double)TimeEmbeddingWidth * TimeEmbeddingWidth) + Convolution(InChannels, top, pixels, 9);
        for (var level = 0; level < Levels.Count; level++)
        {
            var (channels, above) = (Levels[level].Channels, Levels[Math.Max(level - 1, 0)].Channels);
            for (var layer = 0; layer < LayersPerBlock; layer++)
                products += Layer(Levels[level].AttendsDown, layer == 0 ? above : channels, channels, pixels);
            if (level == Levels.Count - 1)
                continue;
            pixels /= 4;
            products += Resampling(Levels[level].DownsamplesByResidual, channels, pixels);
        }

        if (HasMiddle)
            products += (2 * Residual(bottom, bottom, pixels)) + (MiddleAttends ? Attention(bottom, pixels) : 0);
        for (var level = Levels.Count - 1; level >= 0; level--)
        {
            var (channels, above, below) = (Levels[level].Channels, Levels[Math.Max(level - 1, 0)].Channels, Levels[Math.Min(level + 1, Levels.Count - 1)].Channels);
            for (var layer = 0; layer <= LayersPerBlock; layer++)
                products += Layer(Levels[level].AttendsUp, (layer == 0 ? below : channels) + (layer == LayersPerBlock ? above : channels), channels, pixels); // what comes, beside what was skipped
            if (level == 0)
                continue;
            pixels *= 4;
            products += Resampling(Levels[level].UpsamplesByResidual, channels, pixels);
        }

        return 2 * (products + Convolution(top, OutChannels, pixels, 9));
    }

    private double Layer(bool attends, int inputs, int outputs, double pixels) => Residual(inputs, outputs, pixels) + (attends ? Attention(outputs, pixels) : 0);

    private double Resampling(bool byResidual, int channels, double pixels) => byResidual ? Residual(channels, channels, pixels) : Convolution(channels, channels, pixels, 9);

    // Resampling comes before the first convolution, so both work in the new resolution.
    private double Residual(int inputs, int outputs, double pixels) =>
        Convolution(inputs, outputs, pixels, 9) + Convolution(outputs, outputs, pixels, 9) + (inputs == outputs ? 0 : Convolution(inputs, outputs, pixels, 1))
        + ((double)TimeEmbeddingWidth * outputs * (ScalesAndShifts ? 2 : 1));

    // Queries, keys, values and the output; then every pixel with every other, twice.
    private double Attention(int channels, double pixels)
    {
        var head = HeadChannels ?? channels;
        var inner = channels / head * head;
        return (4.0 * channels * inner * pixels) + (2.0 * inner * pixels * pixels);
    }

    private static double Convolution(int inputs, int outputs, double pixels, int taps) => (double)inputs * outputs * taps * pixels;
}

/// <summary>A resolution of a UNet2DModel.</summary>
/// <param name="Channels">Of its residual blocks.</param>
/// <param name="AttendsDown">Whether there is attention on the way down.</param>
/// <param name="AttendsUp">Whether there is attention on the way up.</param>
internal sealed record UNetLevel(int Channels, bool AttendsDown, bool AttendsUp)
{
    /// <summary>Whether a residual block halves the resolution, and no mere convolution.</summary>
    public bool DownsamplesByResidual { get; init; }

    /// <summary>Whether a residual block doubles the resolution, and no mere convolution.</summary>
    public bool UpsamplesByResidual { get; init; }
}
