namespace Ddpm.Engine.Networks;

/// <summary>About how much memory a forward pass without gradients takes.</summary>
internal static class InferenceMemory
{
    // In the widest block live at once: its input joined with a skip (twice as wide), both norms' results, both convolutions', and a copy in the
    // convolution's own layout.
    private const int Widths = 8;

    /// <summary>Bytes of the activations: what waits on the skip connections, and the work of the widest block. An estimate, not a bound.</summary>
    /// <param name="config">Of the network, in float32.</param>
    /// <param name="rows">Pictures of the call.</param>
    /// <param name="side">Rows, and columns, of a picture.</param>
    public static long CallBytes(UNetConfig config, int rows, int side)
    {
        var levels = config.BlockOutChannels.Select((channels, level) => (long)channels * (side >> level) * (side >> level)).ToArray();
        return sizeof(float) * rows * ((levels.Sum() * (config.LayersPerBlock + 1)) + (Widths * levels.Max()));
    }
}
