using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>
/// A <see cref="UNet"/> prepared for drawing on a CPU: weights laid out once, channels last, convolutions by Winograd's algorithm where that pays, norms and activations
/// in one pass on their way into a convolution, time projections kept by timestep. A picture comes out the same, to the bit, alone and in any batch.
/// </summary>
/// <remarks>One call at a time. It does not follow changes of the network's weights. docs/performance.md has what each part brought.</remarks>
internal sealed unsafe class CpuNetwork : IDisposable
{
    /// <summary>Pictures that are computed together: more do not fit into the last-level cache, and the weights are read once for so many.</summary>
    public const int MostPicturesAtOnce = 4;

    private readonly UNetConfig _config;
    private readonly CpuUNet _network;
    private readonly TimeProjections _times;
    private readonly WorkTeam _team;
    private readonly ForwardPass _pass;

    /// <param name="network">In evaluation mode, float32, on the CPU. Borrowed: its time embedding is asked.</param>
    /// <param name="type">What matrices are multiplied in; sums, norms and what passes between operations are float32 always.</param>
    /// <param name="threads">At least 1.</param>
    /// <param name="height">Rows of the pictures.</param>
    /// <param name="width">Columns of the pictures.</param>
    /// <exception cref="NotSupportedException">See <see cref="WhyNot"/>.</exception>
    public CpuNetwork(UNet network, MatrixType type, int threads, int height, int width)
    {
        _config = network.Config;
        if (WhyNot(_config, type) is { } reason)
            throw new NotSupportedException(reason);
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var weights = network.state_dict().ToDictionary(pair => pair.Key, pair => pair.Value.to(ScalarType.Float32).contiguous());
        var projections = new TimeProjectionsBuilder();
        (Height, Width) = (height, width);
        _network = new CpuUNet(_config, new BlockWeights(weights), projections, type, (height, width));
        _times = new TimeProjections(network, projections, NonlinearityOf(_config)!.Value);
        _team = new WorkTeam(threads);
        _pass = new ForwardPass(_team, MostPicturesAtOnce);
    }

    /// <summary>Rows of the pictures.</summary>
    public int Height { get; }

    /// <summary>Columns of the pictures.</summary>
    public int Width { get; }

    /// <summary>Memory of the prepared weights.</summary>
    public long WeightBytes => _network.Bytes + _times.Bytes;

    /// <summary>Memory that calls have needed so far beside the weights: it does not grow with the batch.</summary>
    public long WorkspaceBytes => _pass.Bytes;

    /// <summary>Why a network cannot be prepared on this machine; null where it can.</summary>
    public static string? WhyNot(UNetConfig config, MatrixType type)
    {
        if (!MatrixKernels.AreSupported)
            return "This CPU, or this system, lacks AVX-512.";
        if (type == MatrixType.BFloat16 && !MatrixKernels.SupportBFloat16)
            return "This CPU lacks AVX512_BF16.";
        if (NonlinearityOf(config) is null)
            return $"act_fn '{config.ActFn}' is not prepared.";
        if (config.BlockOutChannels.Any(channels => channels % 16 != 0))
            return "A number of channels is not a multiple of 16.";
        if (config.BlockOutChannels.Any(channels => channels / (config.AttentionHeadDim ?? channels) * (config.AttentionHeadDim ?? channels) % 16 != 0))
            return "The channels of all heads are not a multiple of 16.";
        return null;
    }

    /// <summary>Does what the network does.</summary>
    /// <param name="sample">x_t, float32 <c>[batch, in, <see cref="Height"/>, <see cref="Width"/>]</c>. Borrowed.</param>
    /// <param name="timesteps">float32 <c>[batch]</c>. Borrowed.</param>
    /// <param name="classLabels">int64 <c>[batch]</c>; null where the network knows no classes. Borrowed.</param>
    /// <returns>float32 <c>[batch, out, height, width]</c>; the caller disposes it.</returns>
    public Tensor Call(Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        if (sample.ndim != 4 || sample.shape[1] != _config.InChannels || sample.shape[2] != Height || sample.shape[3] != Width)
            throw new ArgumentException($"Expected [batch, {_config.InChannels}, {Height}, {Width}], got [{string.Join(", ", sample.shape)}].", nameof(sample));
        if (classLabels is null != _config.NumClassEmbeds is null)
            throw new ArgumentException(classLabels is null ? "This network needs a class label for each picture." : "This network knows no classes.", nameof(classLabels));
        var pictures = (int)sample.shape[0];
        using var floats = timesteps.to(ScalarType.Float32);
        var times = MemoryMarshal.Cast<byte, float>(floats.bytes).ToArray();
        long[] labels = classLabels is null ? [] : [.. MemoryMarshal.Cast<byte, long>(classLabels.bytes)];
        using var contiguous = sample.contiguous();
        var result = empty([pictures, _config.OutChannels, Height, Width]);
        fixed (byte* input = contiguous.bytes)
        fixed (byte* output = result.bytes)
            Call(new ReadOnlySpan<float>(input, pictures * _config.InChannels * Height * Width), times, labels, new Span<float>(output, pictures * _config.OutChannels * Height * Width));
        return result;
    }

    /// <summary>The same over plain memory.</summary>
    /// <param name="sample">[pictures, in, height, width].</param>
    /// <param name="timesteps">One a picture.</param>
    /// <param name="classLabels">One a picture; empty where the network knows no classes.</param>
    /// <param name="output">[pictures, out, height, width].</param>
    public void Call(ReadOnlySpan<float> sample, ReadOnlySpan<float> timesteps, ReadOnlySpan<long> classLabels, Span<float> output)
    {
        fixed (float* input = sample, result = output)
            for (var first = 0; first < timesteps.Length; first += MostPicturesAtOnce)
            {
                var count = Math.Min(MostPicturesAtOnce, timesteps.Length - first);
                _pass.Pictures = count;
                var steps = timesteps.Slice(first, count);
                var times = _pass.Space.Take((long)MostPicturesAtOnce * _times.Width);
                _times.Copy(_pass, steps, classLabels.IsEmpty ? [] : classLabels.Slice(first, count), times);
                var picture = Height * Width;
                _network.Run(_pass, input + ((long)first * _config.InChannels * picture), result + ((long)first * _config.OutChannels * picture), times, _times.Width, steps);
                _pass.Space.Return(times, (long)MostPicturesAtOnce * _times.Width);
            }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _network.Dispose();
        _times.Dispose();
        _pass.Dispose();
        _team.Dispose();
    }

    /// <summary>What act_fn says; null where it is not computed here.</summary>
    internal static Nonlinearity? NonlinearityOf(UNetConfig config) => config.ActFn switch
    {
        "silu" or "swish" => Nonlinearity.Silu,
        "relu" => Nonlinearity.Relu,
        _ => null,
    };
}
