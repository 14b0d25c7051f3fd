using Ddpm.Engine.Data;

namespace Ddpm.Engine.Imaging;

/// <summary>Room for the pictures that this process decodes at once, whatever they are for: 2²⁶ pixels together, and a larger one alone.</summary>
public static class DecodingRoom
{
    /// <summary>Pixels at once.</summary>
    public const long Pixels = 1 << 26;

    private static readonly PixelGate Gate = new(Pixels);

    /// <summary>Waits for room.</summary>
    /// <param name="pixels">Of a picture.</param>
    /// <returns>Gives the room back when disposed.</returns>
    public static IDisposable Enter(long pixels) => Gate.Enter(pixels);
}
