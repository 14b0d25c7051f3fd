using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Training;

namespace Ddpm.Api.TrainingRuns;

/// <summary>The network that a training request asks for, as far as it can be known here.</summary>
internal static class NetworkShape
{
    /// <summary>Type of a level with attention on the way down.</summary>
    public const string AttnDown = "AttnDownBlock2D";

    /// <summary>Type of a level with attention on the way up.</summary>
    public const string AttnUp = "AttnUpBlock2D";

    private const int TimeEmbeddingFactor = 4; // diffusers' width of the embedding, in channels of the first level

    /// <summary>Levels from the full resolution down, their defaults filled in: attention at the second from the bottom, and up as down.</summary>
    /// <param name="network">With one type for each level, where it names types.</param>
    public static IReadOnlyList<UNetLevel> LevelsOf(NetworkSpec network)
    {
        var count = network.BlockOutChannels.Count;
        return [.. network.BlockOutChannels.Select((channels, level) =>
        {
            var down = network.DownBlockTypes is { } types ? types[level] == AttnDown : level == count - 2;
            return new UNetLevel(channels, down, network.UpBlockTypes is { } ups ? ups[^(level + 1)] == AttnUp : down);
        })];
    }

    /// <summary>All of it, for pictures of a dataset.</summary>
    /// <param name="network">A valid one.</param>
    /// <param name="pictures">Their size.</param>
    public static UNetShape Of(NetworkSpec network, DatasetSpec pictures) => new()
    {
        Levels = LevelsOf(network),
        LayersPerBlock = network.LayersPerBlock,
        InChannels = pictures.Channels,
        OutChannels = pictures.Channels,
        TimestepWidth = network.BlockOutChannels[0],
        TimeEmbeddingWidth = network.BlockOutChannels[0] * TimeEmbeddingFactor,
        HeadChannels = network.AttentionHeadDim,
    };
}
