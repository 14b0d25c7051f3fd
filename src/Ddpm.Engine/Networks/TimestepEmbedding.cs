using Ddpm.Engine.Native;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>Sinusoidal features of timesteps. Vaswani et al. 2017, §3.5, with diffusers' two switches. No weights.</summary>
internal static class SinusoidalFeatures
{
    /// <param name="timesteps">Any number type, <c>[batch]</c>. Borrowed.</param>
    /// <param name="width">Features of each timestep.</param>
    /// <param name="config">Supplies <c>flip_sin_to_cos</c> and <c>freq_shift</c>.</param>
    /// <returns>float32 <c>[batch, width]</c>.</returns>
    public static Tensor Of(Tensor timesteps, int width, UNetConfig config)
    {
        var half = width / 2;
        using var exponent = tensor(Enumerable.Range(0, half).Select(n => (float)n).ToArray(), device: timesteps.device).Times(-Math.Log(10000));
        using var angles = timesteps.to(ScalarType.Float32).unsqueeze(1) * exponent.Over(half - config.FreqShift).exp().unsqueeze(0);
        var parts = config.FlipSinToCos ? new[] { angles.cos(), angles.sin() } : [angles.sin(), angles.cos()];
        var features = cat(parts, dim: 1);
        return width % 2 == 0 ? features : nn.functional.pad(features, [0, 1]);
    }
}

/// <summary>Random Fourier features of log t, as in score-based models (Song et al. 2021). The frequencies are stored, not trained.</summary>
internal sealed class FourierFeatures : nn.Module<Tensor, Tensor>
{
    // Named as in the weights file: time_proj.weight.
    public readonly Parameter weight;

    public FourierFeatures(int frequencies)
        : base(nameof(FourierFeatures))
    {
        weight = nn.Parameter(randn(frequencies).Times(16), requires_grad: false);
        RegisterComponents();
    }

    public override Tensor forward(Tensor timesteps)
    {
        // The order log(t)·w·2·π is diffusers'; float32 angles of hundreds of radians depend on it.
        var angles = (timesteps.to(ScalarType.Float32).log().unsqueeze(1) * weight.unsqueeze(0)).Times(2).Times(Math.PI);
        return cat([angles.sin(), angles.cos()], dim: 1); // [batch, 2 · frequencies], whatever flip_sin_to_cos says
    }
}

/// <summary>The two-layer perceptron that turns time features into the embedding every residual block receives.</summary>
internal sealed class TimestepEmbedding : nn.Module<Tensor, Tensor>
{
    private readonly Linear linear_1;
    private readonly Linear linear_2;

    public TimestepEmbedding(int features, int width)
        : base(nameof(TimestepEmbedding))
    {
        linear_1 = nn.Linear(features, width);
        linear_2 = nn.Linear(width, width);
        RegisterComponents();
    }

    public override Tensor forward(Tensor features) => linear_2.call(nn.functional.silu(linear_1.call(features)));
}
