using Ddpm.Engine.Native;
using Ddpm.Engine.Networks.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>diffusers' <c>UNet2DModel</c>: predicts the noise in x_t (Ho et al. 2020, §4 and appendix B). Field names are the weights' names.</summary>
public sealed class UNet : nn.Module<Tensor, Tensor, Tensor?, Tensor>
{
    private readonly Conv2d conv_in;
    private readonly FourierFeatures? time_proj;
    private readonly TimestepEmbedding time_embedding;
    private readonly Embedding? class_embedding;
    private readonly ModuleList<DownBlock> down_blocks = new();
    private readonly MidBlock? mid_block;
    private readonly ModuleList<UpBlock> up_blocks = new();
    private readonly GroupNorm conv_norm_out;
    private readonly Conv2d conv_out;
    private readonly BlockTraining _training = new();

    /// <summary>Builds the network with torch's default initial weights, drawn from torch's global generator, on the CPU.</summary>
    /// <exception cref="UNetConfigException">The configuration cannot be built.</exception>
    public UNet(UNetConfig config)
        : base("UNet2DModel")
    {
        config.Validate();
        using var scope = NewDisposeScope();
        Config = config;
        var channels = config.BlockOutChannels;
        var levels = channels.Count;
        conv_in = nn.Conv2d(config.InChannels, channels[0], 3, padding: 1);
        if (config.TimeEmbeddingType == "fourier")
            time_proj = new FourierFeatures(channels[0]);
        time_embedding = new TimestepEmbedding(time_proj is null ? channels[0] : 2 * channels[0], config.TimeEmbeddingWidth);
        if (config.NumClassEmbeds is { } classes)
            class_embedding = nn.Embedding(classes, config.TimeEmbeddingWidth);
        for (var level = 0; level < levels; level++)
            down_blocks.Add(new DownBlock(config.DownBlockTypes[level], channels[Math.Max(level - 1, 0)], channels[level], level == levels - 1, config));
        if (config.MidBlockType is not null)
            mid_block = new MidBlock(channels[^1], config);
        for (var level = levels - 1; level >= 0; level--)
        {
            var below = channels[Math.Min(level + 1, levels - 1)];
            up_blocks.Add(new UpBlock(config.UpBlockTypes[levels - 1 - level], below, channels[level], channels[Math.Max(level - 1, 0)], level == 0, config));
        }

        conv_norm_out = nn.GroupNorm(config.NormNumGroups, channels[0], config.NormEps);
        conv_out = nn.Conv2d(channels[0], config.OutChannels, 3, padding: 1);
        RegisterComponents();
        StartNormsAtIdentity();
        JoinBlocks();
        foreach (var parameter in parameters())
            parameter.DetachFromDisposeScope();
    }

    /// <summary>What it was built from.</summary>
    public UNetConfig Config { get; }

    /// <summary>The number type of its weights, and so of what it computes.</summary>
    public ScalarType Dtype => conv_in.weight!.dtype;

    /// <summary>Whether residual and attention blocks keep only their inputs for the backward pass and compute the rest again there: less memory, a third more
    /// time, the same gradients. Chen et al. 2016.</summary>
    public bool RecomputesBlocks
    {
        get => _training.Recomputes;
        set => _training.Recomputes = value;
    }

    /// <summary>Decides what dropout drops in training mode, by seeding torch's global generator before each block's; null leaves that generator alone.</summary>
    public uint? DropoutSeed
    {
        get => _training.DropoutSeed;
        set => _training.DropoutSeed = value;
    }

    /// <summary>Predicts ε (or what the schedule says) for each picture of a batch.</summary>
    /// <param name="sample">x_t, <c>[batch, in, height, width]</c>; height and width multiples of <see cref="UNetConfig.SizeMultiple"/>. Borrowed.</param>
    /// <param name="timesteps">int64 or float32 <c>[batch]</c>, or <c>[1]</c> for all; above 0 for Fourier features. Borrowed.</param>
    /// <param name="classLabels">int64 <c>[batch]</c>; null exactly where the network knows no classes. Borrowed.</param>
    /// <returns><c>[batch, out, height, width]</c>.</returns>
    /// <exception cref="ArgumentException">A shape does not fit, or labels are missing or not wanted.</exception>
    public override Tensor forward(Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        CheckArguments(sample, timesteps, classLabels);
        using var scope = NewDisposeScope();
        var times = timesteps.expand(sample.shape[0]);
        var embedding = Embed(times, classLabels); // [B, E]
        var h = conv_in.call(Arranged(Config.CenterInputSample ? sample.Times(2).Minus(1) : sample));
        var skips = new List<Tensor> { h };
        foreach (var block in down_blocks)
            h = block.call(h, embedding, skips);
        h = mid_block is null ? h : mid_block.call(h, embedding);
        foreach (var block in up_blocks)
            h = block.call(h, embedding, skips);
        h = conv_out.call(training && GroupNormSilu.Takes(h) ? GroupNormSilu.Of(conv_norm_out, h, shift: null, activates: true) : nn.functional.silu(conv_norm_out.call(h)));
        if (time_proj is not null)
            h = h / times.to(h.dtype).view(-1, 1, 1, 1);
        return h.MoveToOuterDisposeScope();
    }

    /// <summary>What every residual block receives: the embedding of timesteps, and of classes where the network knows them, <c>[batch, width]</c>.</summary>
    internal Tensor Embed(Tensor timesteps, Tensor? classLabels)
    {
        var embedding = time_embedding.call(TimeFeatures(timesteps).to(conv_in.weight!.dtype));
        return class_embedding is null ? embedding : embedding.Plus(class_embedding.call(classLabels!));
    }

    /// <summary>Converts the weights in place. The frequencies of Fourier features stay float32: rounded ones are off by whole turns of the angle.</summary>
    internal void ConvertTo(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var frequencies = time_proj?.weight.clone();
        this.to(dtype);
        time_proj?.to(ScalarType.Float32);
        time_proj?.weight.copy_(frequencies!);
    }

    // On a CPU oneDNN's convolutions, forward and backward, are faster on channels-last pictures; the order then stays throughout the network.
    private Tensor Arranged(Tensor sample) => training && sample.device_type == DeviceType.CPU ? ChannelsLast.Of(sample) : sample;

    // TorchSharp 0.107 leaves the parameters of GroupNorm as whatever the memory held.
    private void StartNormsAtIdentity()
    {
        foreach (var norm in modules().OfType<GroupNorm>())
        {
            nn.init.ones_(norm.weight!);
            nn.init.zeros_(norm.bias!);
        }
    }

    private void JoinBlocks()
    {
        foreach (var (index, block) in modules().OfType<ResidualBlock>().Index())
            block.Join(_training, index);
        foreach (var block in modules().OfType<AttentionBlock>())
            block.Join(_training);
    }

    private Tensor TimeFeatures(Tensor times) =>
        time_proj is null ? SinusoidalFeatures.Of(times, Config.BlockOutChannels[0], Config) : time_proj.call(times);

    private void CheckArguments(Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        if (sample.ndim != 4 || sample.shape[1] != Config.InChannels || sample.shape[2] % Config.SizeMultiple != 0 || sample.shape[3] % Config.SizeMultiple != 0)
            throw new ArgumentException(
                $"Expected [batch, {Config.InChannels}, height, width] with sizes that are multiples of {Config.SizeMultiple}, got [{string.Join(", ", sample.shape)}].",
                nameof(sample));
        if (timesteps.ndim != 1 || (timesteps.shape[0] != 1 && timesteps.shape[0] != sample.shape[0]))
            throw new ArgumentException($"Expected [{sample.shape[0]}] timesteps, got [{string.Join(", ", timesteps.shape)}].", nameof(timesteps));
        if (classLabels is null != class_embedding is null)
            throw new ArgumentException(
                class_embedding is null ? "This network knows no classes." : $"This network needs a class label below {Config.NumClassEmbeds} for each picture.",
                nameof(classLabels));
    }
}
