namespace Ddpm.Engine.Networks.Cpu;

/// <summary>The blocks at one resolution, on the way down, in the middle or on the way up.</summary>
internal sealed unsafe class Level : IDisposable
{
    /// <summary>One or more; none in an empty one.</summary>
    public List<CpuResidualBlock> Resnets { get; } = [];

    /// <summary>One after each residual block, or after the first, or none.</summary>
    public List<CpuAttention> Attentions { get; } = [];

    /// <summary>Changes the resolution at the end; null for <see cref="Convolution"/> or nothing.</summary>
    public CpuResidualBlock? Resampler { get; set; }

    /// <summary>Changes the resolution at the end; null for <see cref="Resampler"/> or nothing.</summary>
    public Resampler? Convolution { get; set; }

    /// <summary>Of the prepared weights.</summary>
    public long Bytes => Resnets.Sum(block => block.Bytes) + Attentions.Sum(block => block.Bytes) + (Resampler?.Bytes ?? 0) + (Convolution?.Bytes ?? 0);

    /// <summary>Changes the resolution.</summary>
    /// <returns>Taken from the pass's memory.</returns>
    public Activations Resample(ForwardPass pass, Activations x, float* times, int timesStride) =>
        Resampler?.Run(pass, new Joined(x), times, timesStride) ?? Convolution!.Run(pass, x);

    /// <inheritdoc/>
    public void Dispose()
    {
        Resnets.ForEach(block => block.Dispose());
        Attentions.ForEach(block => block.Dispose());
        Resampler?.Dispose();
        Convolution?.Dispose();
    }
}

/// <summary><see cref="Downsample"/> or <see cref="Upsample"/> over channels-last activations: a convolution of stride 2, or one of doubled pixels.</summary>
internal sealed class Resampler(BlockWeights weights, (int Height, int Width) size, MatrixType type, Resampling before, int stride, int offset) : IDisposable
{
    private readonly int _channels = (int)weights["conv.weight"].shape[0];
    private readonly IConvolution _convolution = Convolutions.Create(weights["conv.weight"], (int)weights["conv.weight"].shape[1], size, type, stride, offset);
    private readonly BlockConstants _bias = new(weights["conv.bias"]);

    /// <summary>Of the prepared weights.</summary>
    public long Bytes => _convolution.Bytes;

    /// <param name="pass">The pass.</param>
    /// <param name="x">Borrowed.</param>
    /// <returns>Taken from the pass's memory.</returns>
    public unsafe Activations Run(ForwardPass pass, Activations x)
    {
        var input = new Preparation(pass).Run(new Joined(x), null, Nonlinearity.None, before, margin: 1);
        var result = pass.Take(_channels, size.Height, size.Width);
        _convolution.Run(pass, input, result, new Epilogue(_bias.Data));
        pass.Return(input);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _convolution.Dispose();
        _bias.Dispose();
    }
}
