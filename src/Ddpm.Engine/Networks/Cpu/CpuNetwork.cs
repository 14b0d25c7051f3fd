using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>
/// A <see cref="UNet"/> prepared for drawing on a CPU: weights laid out once, channels last, convolutions by Winograd's algorithm where that pays, norms and activations
/// in one pass on their way into a convolution, time projections kept by timestep. A picture comes out the same, to the bit, alone and in any batch.
/// </summary>
/// <remarks>One call at a time: others wait. It does not follow changes of the network's weights. docs/performance.md has what each part brought.</remarks>
internal sealed unsafe class CpuNetwork : IDisposable
{
    /// <summary>Pictures that a thread computes together at most: more do not fit into the caches, and the weights are read once for so many.</summary>
    public const int MostPicturesAtOnce = 4;

    private const long SmallNetwork = 32 << 20; // bytes of weights that stay in the last-level cache

    private readonly UNetConfig _config;
    private readonly CpuUNet _network;
    private readonly TimeProjections _times;
    private readonly WorkTeam _team;
    private readonly WorkTeam _alone = new(1);
    private readonly Lock _lock = new();
    private readonly ForwardPass?[] _passes; // the first is all threads', the others a thread's each
    private readonly bool _isSmall;
    private float* _timeRows;
    private int _reserved;
    private bool _isDisposed;

    /// <param name="network">In evaluation mode, float32, on the CPU. Borrowed: its time embedding is asked.</param>
    /// <param name="type">What matrices are multiplied in; sums, norms and what passes between operations are float32 always.</param>
    /// <param name="threads">At least 1.</param>
    /// <param name="height">Rows of the pictures.</param>
    /// <param name="width">Columns of the pictures.</param>
    /// <param name="smallNetwork">Bytes of weights up to which each thread draws pictures of its own.</param>
    /// <exception cref="NotSupportedException">See <see cref="WhyNot"/>.</exception>
    /// <exception cref="ArgumentException">Height or width is no multiple of <see cref="UNetConfig.SizeMultiple"/>.</exception>
    public CpuNetwork(UNet network, MatrixType type, int threads, int height, int width, long smallNetwork = SmallNetwork)
    {
        _config = network.Config;
        if (WhyNot(_config, type) is { } reason)
            throw new NotSupportedException(reason);
        if (height % _config.SizeMultiple != 0 || width % _config.SizeMultiple != 0 || height < 1 || width < 1)
            throw new ArgumentException($"Pictures of {height}×{width} are asked for; the network needs multiples of {_config.SizeMultiple}.", nameof(height));
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var weights = network.state_dict().ToDictionary(pair => pair.Key, pair => pair.Value.to(ScalarType.Float32).contiguous());
        var projections = new TimeProjectionsBuilder();
        (Height, Width) = (height, width);
        _network = new CpuUNet(_config, new BlockWeights(weights), projections, type, (height, width));
        _times = new TimeProjections(network, projections, NonlinearityOf(_config)!.Value);
        _team = new WorkTeam(threads);
        _passes = new ForwardPass?[1 + threads];
        _isSmall = _network.Bytes <= smallNetwork;
    }

    /// <summary>Rows of the pictures.</summary>
    public int Height { get; }

    /// <summary>Columns of the pictures.</summary>
    public int Width { get; }

    /// <summary>Memory of the prepared weights.</summary>
    public long WeightBytes => _network.Bytes + _times.Bytes;

    /// <summary>Forward passes that may be under way at once, each with memory of its own for <see cref="MostPicturesAtOnce"/> pictures.</summary>
    public int Passes => _isSmall ? _passes.Length : 1;

    /// <summary>Memory that calls have needed so far beside the weights: it does not grow with the batch.</summary>
    public long WorkspaceBytes => _passes.Sum(pass => pass?.Bytes ?? 0);

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
        if (timesteps.numel() != pictures || (classLabels is not null && classLabels.numel() != pictures))
            throw new ArgumentException($"Expected {pictures} timesteps, and as many labels where there are classes.", nameof(timesteps));
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
        var (pictures, pixels) = (timesteps.Length, Height * Width);
        if (sample.Length != pictures * _config.InChannels * pixels || output.Length != pictures * _config.OutChannels * pixels || (!classLabels.IsEmpty && classLabels.Length != pictures))
            throw new ArgumentException("Sample, output or labels are not as many as the timesteps.", nameof(timesteps));
        lock (_lock) // nobody may free what is computed with
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            try
            {
                Reserve(pictures);
                var shared = _passes[0] ??= new ForwardPass(_team, MostPicturesAtOnce);
                _times.Copy(shared, timesteps, classLabels, _timeRows);
                fixed (float* input = sample, result = output, steps = timesteps)
                {
                    if (pictures > 1 && _isSmall)
                        DrawSideBySide(pictures, (nint)input, (nint)result, (nint)steps);
                    else
                        for (var first = 0; first < pictures; first += MostPicturesAtOnce)
                            Draw(shared, first, Math.Min(MostPicturesAtOnce, pictures - first), (nint)input, (nint)result, (nint)steps);
                }
            }
            catch
            {
                ForgetPasses(); // with what a pass that was cut off has not given back
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            _network.Dispose();
            _times.Dispose();
            Workspace.Free(_timeRows);
            ForgetPasses();
            _team.Dispose();
            _alone.Dispose();
        }
    }

    // Threads that work on pictures of their own never wait for each other, which those that share them do, a hundred times a call. But each reads all weights for itself.
    private void DrawSideBySide(int pictures, nint input, nint output, nint timesteps)
    {
        var atOnce = Math.Clamp(pictures / (2 * _team.Size), 1, MostPicturesAtOnce);
        _team.Run((pictures + atOnce - 1) / atOnce, (piece, member) =>
        {
            var first = piece * atOnce;
            var pass = _passes[1 + member] ??= new ForwardPass(_alone, MostPicturesAtOnce);
            Draw(pass, first, Math.Min(atOnce, pictures - first), input, output, timesteps);
        });
    }

    private void Draw(ForwardPass pass, int first, int count, nint input, nint output, nint timesteps)
    {
        var picture = (long)Height * Width;
        pass.Pictures = count;
        _network.Run(
            pass, (float*)input + (first * _config.InChannels * picture), (float*)output + (first * _config.OutChannels * picture),
            _timeRows + ((long)first * _times.Width), _times.Width, new ReadOnlySpan<float>((float*)timesteps + first, count));
    }

    private void ForgetPasses()
    {
        foreach (var pass in _passes)
            pass?.Dispose();
        Array.Clear(_passes);
    }

    private void Reserve(int pictures)
    {
        if (pictures <= _reserved)
            return;
        Workspace.Free(_timeRows);
        _timeRows = null;
        _reserved = 0; // where there is no memory for more
        _timeRows = Workspace.Allocate((long)pictures * _times.Width);
        _reserved = pictures;
    }

    /// <summary>What act_fn says; null where it is not computed here.</summary>
    internal static Nonlinearity? NonlinearityOf(UNetConfig config) => config.ActFn switch
    {
        "silu" or "swish" => Nonlinearity.Silu,
        "relu" => Nonlinearity.Relu,
        _ => null,
    };
}
