using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>What a network does, as sampling sees it.</summary>
/// <param name="sample">x_t, float32 <c>[batch, channels, height, width]</c>. Borrowed, and written anew after the call.</param>
/// <param name="timesteps">float32 <c>[batch]</c>. Borrowed, likewise.</param>
/// <param name="classLabels">int64 <c>[batch]</c>; null where the network knows no classes. Borrowed.</param>
/// <returns><c>[batch, channels or twice as many, height, width]</c>, for the caller to write to: with twice as many the second half says the variance.</returns>
public delegate Tensor Denoiser(Tensor sample, Tensor timesteps, Tensor? classLabels);
