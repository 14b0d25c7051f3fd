namespace Ddpm.Engine.Networks.Cpu;

/// <summary><see cref="Downsample"/> or <see cref="Upsample"/> over channels-last activations: a convolution of stride 2, or one of doubled pixels.</summary>
internal sealed class Resampler(BlockWeights weights, (int Height, int Width) size, MatrixType type, Resampling before, int stride, int offset) : IDisposable
{
    private readonly int _channels = (int)weights["conv.weight"].shape[0];
    private readonly IConvolution _convolution = Convolutions.Create(weights["conv.weight"], (int)weights["conv.weight"].shape[1], size, type, stride, offset);
    private readonly PanelBias _bias = new(weights["conv.bias"]);

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
