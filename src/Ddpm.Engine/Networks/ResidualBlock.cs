using Ddpm.Engine.Native;
using Ddpm.Engine.Networks.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>How a residual block changes the resolution of both its branches.</summary>
internal enum Resampling
{
    None,

    /// <summary>2×2 average pooling.</summary>
    Down,

    /// <summary>Each pixel four times.</summary>
    Up,
}

/// <summary>diffusers' <c>ResnetBlock2D</c>: norm, activation, convolution, time embedding, and the same again; plus the input.</summary>
internal sealed class ResidualBlock : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly GroupNorm norm1;
    private readonly Conv2d conv1;
    private readonly Linear time_emb_proj;
    private readonly GroupNorm norm2;
    private readonly Dropout dropout;
    private readonly Conv2d conv2;
    private readonly Conv2d? conv_shortcut;
    private readonly Resampling _resampling;
    private readonly bool _scaleShift;
    private readonly double _outputScale;
    private readonly Func<Tensor, Tensor> _activation;
    private readonly bool _fuses;
    private BlockTraining? _training;
    private int _index;

    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="config">The network's.</param>
    /// <param name="resampling">Done after the first activation.</param>
    /// <param name="outputScale">The sum of both branches is divided by this.</param>
    public ResidualBlock(int inputs, int outputs, UNetConfig config, Resampling resampling = Resampling.None, double outputScale = 1)
        : base(nameof(ResidualBlock))
    {
        _resampling = resampling;
        _scaleShift = config.ResnetTimeScaleShift == "scale_shift";
        _outputScale = outputScale;
        _activation = Activation.Of(config.ActFn);
        _fuses = config.ActFn is "silu" or "swish";
        norm1 = nn.GroupNorm(config.NormNumGroups, inputs, config.NormEps);
        conv1 = nn.Conv2d(inputs, outputs, 3, padding: 1);
        time_emb_proj = nn.Linear(config.TimeEmbeddingWidth, _scaleShift ? 2 * outputs : outputs);
        norm2 = nn.GroupNorm(config.NormNumGroups, outputs, config.NormEps);
        dropout = nn.Dropout(config.Dropout);
        conv2 = nn.Conv2d(outputs, outputs, 3, padding: 1);
        conv_shortcut = inputs == outputs ? null : nn.Conv2d(inputs, outputs, 1);
        RegisterComponents();
    }

    /// <param name="x"><c>[batch, in, height, width]</c>. Borrowed.</param>
    /// <param name="embedding"><c>[batch, width of the time embedding]</c>. Borrowed.</param>
    /// <returns><c>[batch, out, height', width']</c>.</returns>
    public override Tensor forward(Tensor x, Tensor embedding) =>
        _training is null ? Compute(x, embedding) : _training.Compute(inputs => Compute(inputs[0], inputs[1]), x, embedding);

    /// <summary>Joins the blocks that are trained together.</summary>
    public void Join(BlockTraining training, int index) => (_training, _index) = (training, index);

    private Tensor Compute(Tensor x, Tensor embedding)
    {
        var h = Resample(NormAndActivate(norm1, x, null));
        h = conv1.call(h); // [B, out, H', W']
        var time = time_emb_proj.call(_activation(embedding)); // [B, out or 2 out]
        if (_scaleShift)
        {
            var scaleAndShift = time.unsqueeze(-1).unsqueeze(-1).chunk(2, dim: 1);
            h = _activation((norm2.call(h) * scaleAndShift[0].Plus(1)).Plus(scaleAndShift[1]));
        }
        else
        {
            h = NormAndActivate(norm2, h, time);
        }

        if (training)
            _training?.SeedDropout(_index);
        h = conv2.call(dropout.call(h));
        var shortcut = Resample(x);
        shortcut = conv_shortcut is null ? shortcut : conv_shortcut.call(shortcut);
        var sum = shortcut.Plus(h);
        return _outputScale == 1 ? sum : sum.Over(_outputScale);
    }

    private Tensor NormAndActivate(GroupNorm norm, Tensor x, Tensor? shift)
    {
        if (training && _fuses && GroupNormSilu.Takes(x))
            return GroupNormSilu.Of(norm, x, shift, activates: true);
        return _activation(norm.call(shift is null ? x : x.Plus(shift.unsqueeze(-1).unsqueeze(-1))));
    }

    private Tensor Resample(Tensor x) => _resampling switch
    {
        Resampling.Down => nn.functional.avg_pool2d(x, 2, 2),
        Resampling.Up => nn.functional.interpolate(x, scale_factor: [2, 2], mode: InterpolationMode.Nearest),
        _ => x,
    };
}
