namespace Ddpm.Engine.Imaging;

/// <summary>The way through stored pixels that shows them the right way up.</summary>
/// <param name="Width">Columns of the upright picture.</param>
/// <param name="Height">Its rows.</param>
/// <param name="First">Which stored pixel is its upper left one.</param>
/// <param name="Across">From a pixel to the one to its right, in stored pixels.</param>
/// <param name="Down">From a pixel to the one below it.</param>
internal readonly record struct Orientation(int Width, int Height, int First, int Across, int Down)
{
    /// <summary>The eight ways a camera can hold a picture (EXIF tag 0x0112).</summary>
    /// <param name="width">Stored columns.</param>
    /// <param name="height">Stored rows.</param>
    /// <param name="exif">1 to 8: the sides of the scene that stored row 0 and column 0 are. Anything else is taken for 1, upright.</param>
    public static Orientation Of(int width, int height, int exif)
    {
        var (upperRight, lowerLeft, lowerRight) = (width - 1, (height - 1) * width, height * width - 1);
        return exif switch
        {
            2 => new(width, height, upperRight, -1, width),
            3 => new(width, height, lowerRight, -1, -width),
            4 => new(width, height, lowerLeft, 1, -width),
            5 => new(height, width, 0, width, 1),
            6 => new(height, width, lowerLeft, -width, 1),
            7 => new(height, width, lowerRight, -width, -1),
            8 => new(height, width, upperRight, width, -1),
            _ => new(width, height, 0, 1, width),
        };
    }
}
