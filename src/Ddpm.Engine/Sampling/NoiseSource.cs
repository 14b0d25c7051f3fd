namespace Ddpm.Engine.Sampling;

/// <summary>Standard normals for one picture at one step: 0 for x_T, k + 1 for the noise that sampling step k adds.</summary>
internal delegate void NoiseSource(ImageToDraw image, int step, Span<float> destination);
