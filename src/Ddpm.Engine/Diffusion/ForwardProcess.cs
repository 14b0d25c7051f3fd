using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Diffusion;

/// <summary>The process that turns pictures into noise. Holds its rate tables on a device.</summary>
public sealed class ForwardProcess : IDisposable
{
    private readonly Tensor _signalRates; // √ᾱ_t
    private readonly Tensor _noiseRates; // √(1 − ᾱ_t)

    /// <param name="schedule">Supplies ᾱ.</param>
    /// <param name="device">Where the pictures will be.</param>
    public ForwardProcess(NoiseSchedule schedule, Device device)
    {
        using var scope = NewDisposeScope();

        // In float32 from float32 tables, the order in which diffusers computes them.
        _signalRates = tensor(schedule.AlphasCumprod.Select(alpha => MathF.Sqrt((float)alpha)).ToArray()).to(device).DetachFromDisposeScope();
        _noiseRates = tensor(schedule.AlphasCumprod.Select(alpha => MathF.Sqrt(1f - (float)alpha)).ToArray()).to(device).DetachFromDisposeScope();
    }

    /// <summary>Draws x_t from q(x_t | x_0) = √ᾱ_t·x_0 + √(1 − ᾱ_t)·ε. Ho et al. 2020, eq. 4.</summary>
    /// <param name="original">x_0, float32 <c>[batch, channels, height, width]</c>, values in [-1, 1]. Borrowed.</param>
    /// <param name="noise">ε, shaped like <paramref name="original"/>. Borrowed.</param>
    /// <param name="timesteps">int64 <c>[batch]</c>, each in [0, T). Borrowed. Not checked: reading them back would stall a GPU.</param>
    /// <returns>x_t, shaped like <paramref name="original"/>; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public Tensor AddNoise(Tensor original, Tensor noise, Tensor timesteps)
    {
        Check(original, noise, timesteps);
        using var scope = NewDisposeScope();
        return (_signalRates[timesteps].view(-1, 1, 1, 1) * original).Plus(_noiseRates[timesteps].view(-1, 1, 1, 1) * noise).MoveToOuterDisposeScope();
    }

    /// <summary>v = √ᾱ_t·ε − √(1 − ᾱ_t)·x_0, what a network with v prediction learns. Salimans &amp; Ho 2022, appendix D.</summary>
    /// <param name="original">x_0, float32 <c>[batch, channels, height, width]</c>, values in [-1, 1]. Borrowed.</param>
    /// <param name="noise">ε, shaped like <paramref name="original"/>. Borrowed.</param>
    /// <param name="timesteps">int64 <c>[batch]</c>, each in [0, T). Borrowed. Not checked, as above.</param>
    /// <returns>v, shaped like <paramref name="original"/>; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public Tensor Velocity(Tensor original, Tensor noise, Tensor timesteps)
    {
        Check(original, noise, timesteps);
        using var scope = NewDisposeScope();
        return ((_signalRates[timesteps].view(-1, 1, 1, 1) * noise) - (_noiseRates[timesteps].view(-1, 1, 1, 1) * original)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _signalRates.Dispose();
        _noiseRates.Dispose();
    }

    private static void Check(Tensor original, Tensor noise, Tensor timesteps)
    {
        if (original.ndim != 4 || !original.shape.SequenceEqual(noise.shape) || timesteps.ndim != 1 || timesteps.shape[0] != original.shape[0])
            throw new ArgumentException(
                $"Expected pictures and noise [batch, channels, height, width] and timesteps [batch], got [{string.Join(", ", original.shape)}], "
                + $"[{string.Join(", ", noise.shape)}] and [{string.Join(", ", timesteps.shape)}].",
                nameof(original));
    }
}
