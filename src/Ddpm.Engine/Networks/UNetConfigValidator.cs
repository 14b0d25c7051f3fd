namespace Ddpm.Engine.Networks;

/// <summary>What makes a <see cref="UNetConfig"/> unbuildable, in sentences.</summary>
internal static class UNetConfigValidator
{
    private static readonly string[] DownTypes = ["DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"];
    private static readonly string[] UpTypes = ["UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"];

    public static IEnumerable<string> Faults(UNetConfig config)
    {
        var levels = config.BlockOutChannels.Count;
        if (levels is < 1 or > 8)
        {
            yield return $"block_out_channels has {levels} entries; 1 to 8 are accepted.";
            yield break;
        }

        if (config.SampleSize is { } size && (size < 1 || size % config.SizeMultiple != 0))
            yield return $"sample_size is {size}; with {levels} levels a positive multiple of {config.SizeMultiple} is needed.";
        foreach (var fault in RangeFaults(config).Concat(BlockFaults(config)).Concat(ChoiceFaults(config)))
            yield return fault;
    }

    private static IEnumerable<string> RangeFaults(UNetConfig config)
    {
        var ranges = new (string Name, double Value, double Lowest, double Highest)[]
        {
            ("in_channels", config.InChannels, 1, 4096),
            ("out_channels", config.OutChannels, 1, 4096),
            ("layers_per_block", config.LayersPerBlock, 1, 16),
            ("norm_num_groups", config.NormNumGroups, 1, 4096),
            ("attn_norm_num_groups", config.AttnNormNumGroups ?? 1, 1, 4096),
            ("attention_head_dim", config.AttentionHeadDim ?? 1, 1, 16384),
            ("time_embedding_dim", config.TimeEmbeddingDim ?? 2, 1, 65536),
            ("num_class_embeds", config.NumClassEmbeds ?? 1, 1, 10_000_000),
            ("downsample_padding", config.DownsamplePadding, 0, 1),
            ("norm_eps", config.NormEps, 1e-12, 1),
            ("mid_block_scale_factor", config.MidBlockScaleFactor, 1e-6, 1e6),
        };
        return ranges
            .Where(range => !(range.Value >= range.Lowest && range.Value <= range.Highest))
            .Select(range => FormattableString.Invariant($"{range.Name} is {range.Value}; {range.Lowest} to {range.Highest} is accepted."));
    }

    private static IEnumerable<string> BlockFaults(UNetConfig config)
    {
        var levels = config.BlockOutChannels.Count;
        if (config.DownBlockTypes.Count != levels)
            yield return $"down_block_types has {config.DownBlockTypes.Count} entries but block_out_channels has {levels}; they must be equal.";
        if (config.UpBlockTypes.Count != levels)
            yield return $"up_block_types has {config.UpBlockTypes.Count} entries but block_out_channels has {levels}; they must be equal.";
        foreach (var type in config.DownBlockTypes.Except(DownTypes))
            yield return $"down_block_types names '{type}'; {string.Join(", ", DownTypes)} are supported.";
        foreach (var type in config.UpBlockTypes.Except(UpTypes))
            yield return $"up_block_types names '{type}'; {string.Join(", ", UpTypes)} are supported.";
        if (config.MidBlockType is not (null or "UNetMidBlock2D"))
            yield return $"mid_block_type is '{config.MidBlockType}'; UNetMidBlock2D or null is supported.";

        foreach (var channels in config.BlockOutChannels.Distinct())
        {
            if (channels is < 1 or > 16384)
                yield return $"block_out_channels holds {channels}; 1 to 16384 is accepted.";
            else if (config.NormNumGroups > 0 && channels % config.NormNumGroups != 0)
                yield return $"block_out_channels holds {channels}, which norm_num_groups = {config.NormNumGroups} does not divide.";
        }

        if (config.AttnNormNumGroups is { } groups and > 0 && config.BlockOutChannels[^1] % groups != 0)
            yield return $"attn_norm_num_groups = {groups} does not divide the last of block_out_channels, {config.BlockOutChannels[^1]}.";
        if (config.AttentionHeadDim is { } headDim && AttentionChannels(config).Where(channels => channels < headDim).ToList() is [var tooFew, ..])
            yield return $"attention_head_dim is {headDim}, more than the {tooFew} channels of a block with attention.";
        // The concatenated skips of the way up are normalised too.
        foreach (var width in UpInputs(config).Distinct().Where(width => config.NormNumGroups > 0 && width % config.NormNumGroups != 0))
            yield return $"norm_num_groups = {config.NormNumGroups} does not divide {width}, the input channels of a block on the way up.";
    }

    private static IEnumerable<string> ChoiceFaults(UNetConfig config)
    {
        var choices = new (string Name, string Value, IReadOnlyCollection<string> Accepted)[]
        {
            ("time_embedding_type", config.TimeEmbeddingType, ["positional", "fourier"]),
            ("downsample_type", config.DownsampleType, ["conv", "resnet"]),
            ("upsample_type", config.UpsampleType, ["conv", "resnet"]),
            ("resnet_time_scale_shift", config.ResnetTimeScaleShift, ["default", "scale_shift"]),
            ("act_fn", config.ActFn, Activation.Names),
        };
        foreach (var (name, value, accepted) in choices.Where(choice => !choice.Accepted.Contains(choice.Value)))
            yield return $"{name} is '{value}'; {string.Join(", ", accepted)} are supported.";
        if (config.ClassEmbedType is not null)
            yield return $"class_embed_type is '{config.ClassEmbedType}'; only null is supported (use num_class_embeds).";
        if (!(config.Dropout is >= 0 and < 1))
            yield return FormattableString.Invariant($"dropout is {config.Dropout}; 0 up to, but not, 1 is accepted.");
        if (!double.IsFinite(config.FreqShift) || config.FreqShift >= config.BlockOutChannels[0] / 2)
            yield return FormattableString.Invariant($"freq_shift is {config.FreqShift}; it must be below half the first of block_out_channels.");
    }

    private static IEnumerable<int> AttentionChannels(UNetConfig config) =>
        config.DownBlockTypes.Zip(config.BlockOutChannels).Where(level => level.First == "AttnDownBlock2D").Select(level => level.Second)
            .Concat(config.UpBlockTypes.Zip(config.BlockOutChannels.Reverse()).Where(level => level.First == "AttnUpBlock2D").Select(level => level.Second))
            .Concat(config.AddAttention && config.MidBlockType is not null ? [config.BlockOutChannels[^1]] : []);

    private static IEnumerable<int> UpInputs(UNetConfig config)
    {
        var channels = config.BlockOutChannels;
        for (var level = channels.Count - 1; level >= 0; level--)
        {
            var below = channels[Math.Min(level + 1, channels.Count - 1)];
            yield return below + channels[level];
            yield return channels[level] + channels[Math.Max(level - 1, 0)];
        }
    }
}
