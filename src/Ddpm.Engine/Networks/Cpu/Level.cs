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
