namespace Ddpm.Engine.Sampling;

/// <summary>Sees a step that a picture has taken.</summary>
/// <param name="step">From 0.</param>
/// <param name="image">Index of the picture.</param>
/// <param name="sample">x after the step, <c>[channels, height, width]</c>. Borrowed.</param>
/// <param name="original">x̂₀ of the step, likewise.</param>
internal delegate void StepObserver(int step, int image, ReadOnlySpan<float> sample, ReadOnlySpan<float> original);
