namespace Ddpm.Engine.Networks.Cpu;

/// <summary><see cref="ResidualBlock"/> over channels-last activations.</summary>
internal sealed unsafe class CpuResidualBlock : IDisposable
{
    private readonly Normalization _norm1;
    private readonly Normalization _norm2;
    private readonly IConvolution _conv1;
    private readonly IConvolution _conv2;
    private readonly PanelBias _bias1;
    private readonly PanelBias _bias2;
    private readonly PixelProduct? _shortcut;
    private readonly PanelBias? _shortcutBias;
    private readonly Nonlinearity _nonlinearity;
    private readonly Resampling _resampling;
    private readonly bool _scaleShift;
    private readonly int _outputs;
    private readonly int _timeOffset;
    private readonly float _factor;

    /// <param name="weights">The block's.</param>
    /// <param name="parts">Channels of the activations that come joined.</param>
    /// <param name="size">Of a picture as it comes.</param>
    /// <param name="config">The network's.</param>
    /// <param name="times">Receives the block's projection of the time embedding.</param>
    /// <param name="type">What matrices are multiplied in.</param>
    /// <param name="resampling">Done after the first activation.</param>
    /// <param name="outputScale">The sum of both branches is divided by this.</param>
    public CpuResidualBlock(
        BlockWeights weights, IReadOnlyList<int> parts, (int Height, int Width) size, UNetConfig config, TimeProjectionsBuilder times, MatrixType type,
        Resampling resampling = Resampling.None, double outputScale = 1)
    {
        var inputs = parts.Sum();
        _outputs = (int)weights["conv1.weight"].shape[0];
        _nonlinearity = CpuNetwork.NonlinearityOf(config)!.Value;
        _resampling = resampling;
        _scaleShift = config.ResnetTimeScaleShift == "scale_shift";
        _factor = (float)(1 / outputScale);
        _timeOffset = times.Add(weights["time_emb_proj.weight"], weights["time_emb_proj.bias"]);
        var after = resampling switch
        {
            Resampling.Down => (size.Height / 2, size.Width / 2),
            Resampling.Up => (2 * size.Height, 2 * size.Width),
            _ => size,
        };
        _norm1 = new Normalization(weights["norm1.weight"], weights["norm1.bias"], config.NormNumGroups, config.NormEps);
        _norm2 = new Normalization(weights["norm2.weight"], weights["norm2.bias"], config.NormNumGroups, config.NormEps);
        _conv1 = Convolutions.Create(weights["conv1.weight"], inputs, after, type);
        _conv2 = Convolutions.Create(weights["conv2.weight"], _outputs, after, type);
        (_bias1, _bias2) = (new PanelBias(weights["conv1.bias"]), new PanelBias(weights["conv2.bias"]));
        if (!weights.Has("conv_shortcut.weight"))
            return;
        _shortcut = new PixelProduct(weights["conv_shortcut.weight"], resampling == Resampling.None ? parts : [inputs], type);
        _shortcutBias = new PanelBias(weights["conv_shortcut.bias"]);
    }

    /// <summary>Of the prepared weights.</summary>
    public long Bytes => _conv1.Bytes + _conv2.Bytes + (_shortcut?.Bytes ?? 0);

    /// <param name="pass">The pass.</param>
    /// <param name="x">Borrowed.</param>
    /// <param name="times">The rows of <see cref="TimeProjections"/>.</param>
    /// <param name="timesStride">Floats from picture to picture.</param>
    /// <returns>Taken from the pass's memory.</returns>
    public Activations Run(ForwardPass pass, Joined x, float* times, int timesStride)
    {
        var prepare = new Preparation(pass);
        var affine = _norm1.Measure(pass, x);
        var input = prepare.Run(x, affine, _nonlinearity, _resampling, margin: 1);
        _norm1.Return(pass, affine);
        var h = pass.Take(_outputs, input.Height - 2, input.Width - 2);
        var time = times + _timeOffset;
        _conv1.Run(pass, input, h, _scaleShift ? new Epilogue(_bias1.Data) : new Epilogue(_bias1.Data) { OfPicture = (nint)time, OfPictureStride = timesStride });
        pass.Return(input);

        affine = _norm2.Measure(pass, new Joined(h), _scaleShift ? time : null, timesStride);
        input = prepare.Run(new Joined(h), affine, _nonlinearity, Resampling.None, margin: 1);
        _norm2.Return(pass, affine);
        var (residual, isTaken) = Shortcut(pass, prepare, x, h);
        _conv2.Run(pass, input, h, new Epilogue(_bias2.Data) { Residual = residual.Data, Factor = _factor }); // h has been read: its memory takes the result
        pass.Return(input);
        if (isTaken)
            pass.Return(residual);
        return h;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _conv1.Dispose();
        _conv2.Dispose();
        _bias1.Dispose();
        _bias2.Dispose();
        _shortcut?.Dispose();
        _shortcutBias?.Dispose();
    }

    private (Activations Residual, bool IsTaken) Shortcut(ForwardPass pass, Preparation prepare, Joined x, Activations h)
    {
        if (_resampling == Resampling.None && _shortcut is null)
            return (x.First, false);
        var resampled = _resampling == Resampling.None ? x : new Joined(prepare.Run(x, null, Nonlinearity.None, _resampling, margin: 0));
        if (_shortcut is null)
            return (resampled.First, true);
        var result = pass.Take(_outputs, h.Height, h.Width);
        _shortcut.Run(pass, resampled, result, new Epilogue(_shortcutBias!.Data));
        if (_resampling != Resampling.None)
            pass.Return(resampled.First);
        return (result, true);
    }
}
