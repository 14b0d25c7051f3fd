using Ddpm.Engine.Native;
using Ddpm.Engine.Networks.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>Self-attention between all pixels of a picture, with a residual connection: diffusers' <c>Attention</c> as its UNets use it.</summary>
internal sealed class AttentionBlock : nn.Module<Tensor, Tensor>
{
    private readonly GroupNorm? group_norm;
    private readonly Linear to_q;
    private readonly Linear to_k;
    private readonly Linear to_v;
    private readonly ModuleList<Linear> to_out;
    private readonly int _heads;
    private readonly int _headDim;
    private readonly double _outputScale;
    private BlockTraining? _training;

    /// <param name="channels">Channels in and out.</param>
    /// <param name="headDim">Channels of a head; null for one head.</param>
    /// <param name="groups">Groups of the norm; null for no norm.</param>
    /// <param name="eps">ε of the norm.</param>
    /// <param name="outputScale">The result is divided by this.</param>
    public AttentionBlock(int channels, int? headDim, int? groups, double eps, double outputScale = 1)
        : base(nameof(AttentionBlock))
    {
        _headDim = headDim ?? channels;
        _heads = channels / _headDim;
        _outputScale = outputScale;
        var inner = _heads * _headDim;
        group_norm = groups is { } count ? nn.GroupNorm(count, channels, eps) : null;
        to_q = nn.Linear(channels, inner);
        to_k = nn.Linear(channels, inner);
        to_v = nn.Linear(channels, inner);
        to_out = nn.ModuleList(nn.Linear(inner, channels));
        RegisterComponents();
    }

    /// <param name="x"><c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <returns>Shaped like <paramref name="x"/>.</returns>
    public override Tensor forward(Tensor x) => _training is null ? Compute(x) : _training.Compute(inputs => Compute(inputs[0]), x);

    /// <summary>Joins the blocks that are trained together.</summary>
    public void Join(BlockTraining training) => _training = training;

    private Tensor Normalised(Tensor x)
    {
        if (group_norm is null)
            return x;
        return training && GroupNormSilu.Takes(x) ? GroupNormSilu.Of(group_norm, x, shift: null, activates: false) : group_norm.call(x);
    }

    private Tensor Compute(Tensor x)
    {
        var (batch, channels, height, width) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
        var normalised = Normalised(x);
        var convolves = training && x.device_type == DeviceType.CPU && ChannelsLast.IsSo(normalised);
        var tokens = normalised.view(batch, channels, height * width).transpose(1, 2); // [B, HW, C]
        var attended = nn.functional.scaled_dot_product_attention(Heads(to_q), Heads(to_k), Heads(to_v)); // [B, heads, HW, head]
        var merged = attended.transpose(1, 2).reshape(batch, height * width, _heads * _headDim);
        var result = Project(to_out[0], merged).transpose(1, 2).reshape(batch, channels, height, width);
        var sum = result.Plus(x);
        return _outputScale == 1 ? sum : sum.Over(_outputScale);

        Tensor Heads(Linear projection) => Project(projection, tokens).view(batch, height * width, _heads, _headDim).transpose(1, 2);

        // A linear layer is a convolution of 1×1 pixels, which oneDNN computes with all that the processor has; MKL, which computes linear layers in float32, does not on AMD's.
        Tensor Project(Linear projection, Tensor of) => !convolves ? projection.call(of) : nn.functional.conv2d(
                of.transpose(1, 2).view(batch, -1, height, width), projection.weight!.unsqueeze(-1).unsqueeze(-1), projection.bias)
            .view(batch, -1, height * width).transpose(1, 2);
    }
}
