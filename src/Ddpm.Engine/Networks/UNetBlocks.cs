using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>One level on the way down: residual blocks, each perhaps with attention, then half the resolution.</summary>
internal sealed class DownBlock : nn.Module<Tensor, Tensor, List<Tensor>, Tensor>
{
    private readonly ModuleList<ResidualBlock> resnets = new();
    private readonly ModuleList<AttentionBlock>? attentions;
    private readonly ModuleList<nn.Module<Tensor, Tensor, Tensor>>? downsamplers;

    /// <param name="type">One of <c>down_block_types</c>.</param>
    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="last">Whether this is the lowest level, which keeps its resolution.</param>
    /// <param name="config">The network's.</param>
    public DownBlock(string type, int inputs, int outputs, bool last, UNetConfig config)
        : base(type)
    {
        for (var layer = 0; layer < config.LayersPerBlock; layer++)
            resnets.Add(new ResidualBlock(layer == 0 ? inputs : outputs, outputs, config));
        if (type == "AttnDownBlock2D")
            attentions = nn.ModuleList([.. resnets.Select(_ => new AttentionBlock(outputs, config.AttentionHeadDim, config.NormNumGroups, config.NormEps))]);
        if (!last)
            downsamplers = nn.ModuleList<nn.Module<Tensor, Tensor, Tensor>>(
                UsesResnet(type, config.DownsampleType)
                    ? new ResidualBlock(outputs, outputs, config, Resampling.Down)
                    : new Downsample(outputs, config.DownsamplePadding));
        RegisterComponents();
    }

    /// <param name="x"><c>[batch, in, height, width]</c>. Borrowed.</param>
    /// <param name="embedding">The time embedding. Borrowed.</param>
    /// <param name="skips">Receives the result of each layer and of the downsampler.</param>
    /// <returns><c>[batch, out, height / 2, width / 2]</c>, or the full resolution at the lowest level.</returns>
    public override Tensor forward(Tensor x, Tensor embedding, List<Tensor> skips)
    {
        for (var layer = 0; layer < resnets.Count; layer++)
        {
            x = resnets[layer].call(x, embedding);
            x = attentions is null ? x : attentions[layer].call(x);
            skips.Add(x);
        }

        if (downsamplers is null)
            return x;
        x = downsamplers[0].call(x, embedding);
        skips.Add(x);
        return x;
    }

    // downsample_type and upsample_type count for the Attn blocks only; the Resnet blocks always, the plain ones never use a residual block.
    internal static bool UsesResnet(string type, string resampleType) =>
        type.StartsWith("Resnet", StringComparison.Ordinal) || (type.StartsWith("Attn", StringComparison.Ordinal) && resampleType == "resnet");
}

/// <summary>The lowest resolution: residual block, attention, residual block.</summary>
internal sealed class MidBlock : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly ModuleList<ResidualBlock> resnets;
    private readonly ModuleList<AttentionBlock>? attentions;

    public MidBlock(int channels, UNetConfig config)
        : base("UNetMidBlock2D")
    {
        var scale = config.MidBlockScaleFactor;
        resnets = nn.ModuleList(
            new ResidualBlock(channels, channels, config, outputScale: scale),
            new ResidualBlock(channels, channels, config, outputScale: scale));
        if (config.AddAttention)
        {
            // diffusers drops the norm here under scale_shift, unless attn_norm_num_groups asks for one.
            var groups = config.AttnNormNumGroups ?? (config.ResnetTimeScaleShift == "default" ? config.NormNumGroups : null);
            attentions = nn.ModuleList(new AttentionBlock(channels, config.AttentionHeadDim, groups, config.NormEps, scale));
        }

        RegisterComponents();
    }

    /// <param name="x"><c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <param name="embedding">The time embedding. Borrowed.</param>
    /// <returns>Shaped like <paramref name="x"/>.</returns>
    public override Tensor forward(Tensor x, Tensor embedding)
    {
        x = resnets[0].call(x, embedding);
        x = attentions is null ? x : attentions[0].call(x);
        return resnets[1].call(x, embedding);
    }
}

/// <summary>One level on the way up: residual blocks over the skips of the way down, then twice the resolution.</summary>
internal sealed class UpBlock : nn.Module<Tensor, Tensor, List<Tensor>, Tensor>
{
    private readonly ModuleList<ResidualBlock> resnets = new();
    private readonly ModuleList<AttentionBlock>? attentions;
    private readonly ModuleList<nn.Module<Tensor, Tensor, Tensor>>? upsamplers;

    /// <param name="type">One of <c>up_block_types</c>.</param>
    /// <param name="below">Channels that come up from the level below.</param>
    /// <param name="outputs">Channels out, and of all skips but the last.</param>
    /// <param name="lastSkip">Channels of the last skip: those of the level above.</param>
    /// <param name="last">Whether this is the full resolution.</param>
    /// <param name="config">The network's.</param>
    public UpBlock(string type, int below, int outputs, int lastSkip, bool last, UNetConfig config)
        : base(type)
    {
        var layers = config.LayersPerBlock + 1;
        for (var layer = 0; layer < layers; layer++)
        {
            var skip = layer == layers - 1 ? lastSkip : outputs;
            resnets.Add(new ResidualBlock((layer == 0 ? below : outputs) + skip, outputs, config));
        }

        if (type == "AttnUpBlock2D")
            attentions = nn.ModuleList([.. resnets.Select(_ => new AttentionBlock(outputs, config.AttentionHeadDim, config.NormNumGroups, config.NormEps))]);
        if (!last)
            upsamplers = nn.ModuleList<nn.Module<Tensor, Tensor, Tensor>>(
                DownBlock.UsesResnet(type, config.UpsampleType)
                    ? new ResidualBlock(outputs, outputs, config, Resampling.Up)
                    : new Upsample(outputs));
        RegisterComponents();
    }

    /// <param name="x"><c>[batch, below, height, width]</c>. Borrowed.</param>
    /// <param name="embedding">The time embedding. Borrowed.</param>
    /// <param name="skips">What the way down left; this block takes its share from the end.</param>
    /// <returns><c>[batch, out, 2 height, 2 width]</c>, or the same resolution at the top.</returns>
    public override Tensor forward(Tensor x, Tensor embedding, List<Tensor> skips)
    {
        for (var layer = 0; layer < resnets.Count; layer++)
        {
            x = resnets[layer].call(cat([x, skips[^1]], dim: 1), embedding);
            skips.RemoveAt(skips.Count - 1);
            x = attentions is null ? x : attentions[layer].call(x);
        }

        return upsamplers is null ? x : upsamplers[0].call(x, embedding);
    }
}
