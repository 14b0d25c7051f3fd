namespace Ddpm.Engine.Imaging;

/// <summary>The eight ways a camera can hold a picture (EXIF tag 0x0112).</summary>
internal static class Orientation
{
    /// <summary>Turns stored pixels the right way up.</summary>
    /// <param name="rgb">Stored pixels; returned as they are where nothing is to be turned.</param>
    /// <param name="width">Stored columns.</param>
    /// <param name="height">Stored rows.</param>
    /// <param name="orientation">1 to 8: the sides of the scene that stored row 0 and column 0 are.</param>
    public static DecodedImage Upright(byte[] rgb, int width, int height, int orientation)
    {
        if (orientation is < 2 or > 8)
            return new DecodedImage(rgb, width, height);

        var transposed = orientation >= 5;
        var (uprightWidth, uprightHeight) = transposed ? (height, width) : (width, height);
        var upright = new byte[rgb.Length];
        for (var y = 0; y < uprightHeight; y++)
        {
            for (var x = 0; x < uprightWidth; x++)
            {
                var (storedX, storedY) = orientation switch
                {
                    2 => (width - 1 - x, y),
                    3 => (width - 1 - x, height - 1 - y),
                    4 => (x, height - 1 - y),
                    5 => (y, x),
                    6 => (y, height - 1 - x),
                    7 => (width - 1 - y, height - 1 - x),
                    _ => (width - 1 - y, x),
                };
                rgb.AsSpan((storedY * width + storedX) * 3, 3).CopyTo(upright.AsSpan((y * uprightWidth + x) * 3));
            }
        }
        return new DecodedImage(upright, uprightWidth, uprightHeight);
    }
}
