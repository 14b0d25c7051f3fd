namespace Ddpm.Engine.Networks;

/// <summary>How much a network has to compute, known from its configuration alone.</summary>
/// <remarks>Counts the multiplications and additions of convolutions, linear layers and attention. What is left out (norms, activations, embeddings of timesteps by table, biases) is some
/// percent, and is limited by memory, not by arithmetic.</remarks>
public static class NetworkOperations
{
    /// <summary>Floating-point operations of one call of the network for one picture.</summary>
    /// <param name="config">A valid one.</param>
    /// <param name="side">Rows, and columns, of the picture, in pixels; at least 1.</param>
    public static double PerPicture(UNetConfig config, int side)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        var channels = config.BlockOutChannels;
        var levels = channels.Count;
        var (embedding, width) = (channels[0] * (config.TimeEmbeddingType == "fourier" ? 2 : 1), config.TimeEmbeddingWidth);
        var pixels = (double)side * side;
        var products = (embedding * (double)width) + ((double)width * width) + Convolution(config.InChannels, channels[0], pixels, 9);
        for (var level = 0; level < levels; level++)
        {
            var type = config.DownBlockTypes[level];
            for (var layer = 0; layer < config.LayersPerBlock; layer++)
                products += Layer(type, layer == 0 ? channels[Math.Max(level - 1, 0)] : channels[level], channels[level], pixels, config);
            if (level == levels - 1)
                continue;
            pixels /= 4;
            products += DownBlock.UsesResnet(type, config.DownsampleType) ? Residual(channels[level], channels[level], pixels, config) : Convolution(channels[level], channels[level], pixels, 9);
        }

        if (config.MidBlockType is not null)
            products += (2 * Residual(channels[^1], channels[^1], pixels, config)) + (config.AddAttention ? Attention(channels[^1], pixels, config) : 0);
        for (var level = levels - 1; level >= 0; level--)
        {
            var type = config.UpBlockTypes[levels - 1 - level];
            for (var layer = 0; layer <= config.LayersPerBlock; layer++)
            {
                var below = layer == 0 ? channels[Math.Min(level + 1, levels - 1)] : channels[level];
                var skip = layer == config.LayersPerBlock ? channels[Math.Max(level - 1, 0)] : channels[level];
                products += Layer(type, below + skip, channels[level], pixels, config);
            }

            if (level == 0)
                continue;
            pixels *= 4;
            products += DownBlock.UsesResnet(type, config.UpsampleType) ? Residual(channels[level], channels[level], pixels, config) : Convolution(channels[level], channels[level], pixels, 9);
        }

        return 2 * (products + Convolution(channels[0], config.OutChannels, pixels, 9));
    }

    private static double Layer(string type, int inputs, int outputs, double pixels, UNetConfig config) =>
        Residual(inputs, outputs, pixels, config) + (type.StartsWith("Attn", StringComparison.Ordinal) ? Attention(outputs, pixels, config) : 0);

    // Resampling comes before the first convolution, so both work in the new resolution.
    private static double Residual(int inputs, int outputs, double pixels, UNetConfig config) =>
        Convolution(inputs, outputs, pixels, 9) + Convolution(outputs, outputs, pixels, 9) + (inputs == outputs ? 0 : Convolution(inputs, outputs, pixels, 1))
        + ((double)config.TimeEmbeddingWidth * outputs * (config.ResnetTimeScaleShift == "scale_shift" ? 2 : 1));

    // Queries, keys, values and the output; then every pixel with every other, twice.
    private static double Attention(int channels, double pixels, UNetConfig config)
    {
        var head = config.AttentionHeadDim ?? channels;
        var inner = channels / head * head;
        return (4.0 * channels * inner * pixels) + (2.0 * inner * pixels * pixels);
    }

    private static double Convolution(int inputs, int outputs, double pixels, int taps) => (double)inputs * outputs * taps * pixels;
}
