namespace Ddpm.Engine.Networks.Cpu;

/// <summary>The activations that are computed here; a network with another one is left to ATen.</summary>
internal enum Nonlinearity
{
    None,
    Silu,
    Relu,
}
