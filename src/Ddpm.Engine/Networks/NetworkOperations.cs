namespace Ddpm.Engine.Networks;

/// <summary>How much a network has to compute, known from its configuration alone.</summary>
/// <remarks>Counted as <see cref="UNetShape"/> says: multiplications and additions of convolutions, linear layers and attention.</remarks>
public static class NetworkOperations
{
    /// <summary>Floating-point operations of one call of the network for one picture.</summary>
    /// <param name="config">A valid one.</param>
    /// <param name="side">Rows, and columns, of the picture, in pixels; at least 1.</param>
    public static double PerPicture(UNetConfig config, int side)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ShapeOf(config).OperationsPerPicture(side);
    }

    private static UNetShape ShapeOf(UNetConfig config) => new()
    {
        Levels = [.. config.BlockOutChannels.Select((channels, level) => LevelOf(channels, config.DownBlockTypes[level], config.UpBlockTypes[^(level + 1)], config))],
        LayersPerBlock = config.LayersPerBlock,
        InChannels = config.InChannels,
        OutChannels = config.OutChannels,
        TimestepWidth = config.BlockOutChannels[0] * (config.TimeEmbeddingType == "fourier" ? 2 : 1),
        TimeEmbeddingWidth = config.TimeEmbeddingWidth,
        HeadChannels = config.AttentionHeadDim,
        ScalesAndShifts = config.ResnetTimeScaleShift == "scale_shift",
        HasMiddle = config.MidBlockType is not null,
        MiddleAttends = config.AddAttention,
    };

    private static UNetLevel LevelOf(int channels, string down, string up, UNetConfig config) => new(channels, Attends(down), Attends(up))
    {
        DownsamplesByResidual = DownBlock.UsesResnet(down, config.DownsampleType),
        UpsamplesByResidual = DownBlock.UsesResnet(up, config.UpsampleType),
    };

    private static bool Attends(string type) => type.StartsWith("Attn", StringComparison.Ordinal);
}
