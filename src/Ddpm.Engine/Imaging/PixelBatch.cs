namespace Ddpm.Engine.Imaging;

/// <summary>Pictures of one size as bytes, ready for a tensor or a PNG.</summary>
/// <param name="Pixels">Values 0 to 255, laid out <c>[count, channels, height, width]</c>. Shared, not copied.</param>
/// <param name="Count">How many pictures.</param>
/// <param name="Channels">1 (grey) or 3 (red, green, blue).</param>
/// <param name="Height">Rows of a picture.</param>
/// <param name="Width">Columns of a picture.</param>
public sealed record PixelBatch(byte[] Pixels, int Count, int Channels, int Height, int Width)
{
    /// <summary>Bytes of one picture.</summary>
    public int ImageBytes => Channels * Height * Width;

    /// <summary>The bytes of one picture, <c>[channels, height, width]</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such picture.</exception>
    public ReadOnlySpan<byte> Image(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return Pixels.AsSpan(index * ImageBytes, ImageBytes);
    }

    /// <summary>One picture as a model sees it: the largest centred square, at the model's size; one channel is its luma.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="side">Rows, and columns, of the result; at least 1.</param>
    public static PixelBatch Of(DecodedImage picture, int channels, int side) =>
        new(Planes.Of(Resize.ToSquare(picture, side), channels), 1, channels, side, side);

    /// <summary>One picture as a batch of its own. A copy.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such picture.</exception>
    public PixelBatch Only(int index) => this with { Pixels = Image(index).ToArray(), Count = 1 };
}
