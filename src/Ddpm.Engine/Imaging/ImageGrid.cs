namespace Ddpm.Engine.Imaging;

/// <summary>Pictures side by side in one PNG, row by row, edge to edge: pixel (x, y) of a cell is pixel (x, y) of its picture.</summary>
public static class ImageGrid
{
    /// <summary>Most rows, and most columns, of pixels in a grid. libpng writes no more than 1,000,000.</summary>
    public const int MaxSide = 1 << 17;

    /// <summary>Most pixels in a grid: 2²⁸, for which 2 GB of memory are needed.</summary>
    public const int MaxPixels = 1 << 28;

    /// <summary>Lays out the pictures; cells past the last one stay white.</summary>
    /// <exception cref="ArgumentException">The pictures do not fit into <paramref name="rows"/> × <paramref name="columns"/> cells, or the grid is too large.</exception>
    public static byte[] EncodePng(PixelBatch images, int rows, int columns)
    {
        if (rows < 1 || columns < 1 || (long)rows * columns < images.Count)
            throw new ArgumentException($"{images.Count} pictures do not fit into {rows}×{columns} cells.", nameof(rows));
        CheckSize(rows, columns, images.Height, images.Width);

        var (height, width, channels) = (images.Height, images.Width, images.Channels);
        var stride = columns * width * channels;
        var grid = new byte[rows * height * stride];
        Array.Fill(grid, byte.MaxValue);
        for (var n = 0; n < images.Count; n++)
        {
            var planes = images.Image(n);
            var corner = n / columns * height * stride + n % columns * width * channels;
            for (var channel = 0; channel < channels; channel++)
            {
                for (var y = 0; y < height; y++)
                {
                    for (var x = 0; x < width; x++)
                        grid[corner + y * stride + x * channels + channel] = planes[(channel * height + y) * width + x];
                }
            }
        }
        return ImageCodec.EncodePng(grid, columns * width, rows * height, channels);
    }

    /// <summary>Says whether a grid can be made, before its pictures are.</summary>
    /// <param name="rows">Of cells.</param>
    /// <param name="columns">Of cells.</param>
    /// <param name="height">Rows of a picture.</param>
    /// <param name="width">Columns of a picture.</param>
    /// <exception cref="ArgumentException">It would be larger than <see cref="MaxSide"/> or <see cref="MaxPixels"/>.</exception>
    public static void CheckSize(int rows, int columns, int height, int width)
    {
        var (down, across) = ((long)rows * height, (long)columns * width);
        if (down > MaxSide || across > MaxSide || down * across > MaxPixels)
        {
            throw new ArgumentException(
                $"A grid of {rows} rows and {columns} columns would have {across}×{down} pixels; at most {MaxSide} a side and {MaxPixels} in all are accepted.");
        }
    }

    /// <summary>The most nearly square layout of so many pictures, at least as wide as high.</summary>
    public static (int Rows, int Columns) LayoutFor(int count)
    {
        var columns = (int)Math.Ceiling(Math.Sqrt(Math.Max(count, 1)));
        return ((Math.Max(count, 1) + columns - 1) / columns, columns);
    }

    /// <summary>Rows and columns as asked; what is null is made large enough for all pictures, both as nearly square as may be.</summary>
    /// <exception cref="ArgumentException">The pictures do not fit.</exception>
    public static (int Rows, int Columns) LayoutFor(int count, int? rows, int? columns)
    {
        (int Rows, int Columns) layout = (rows, columns) switch
        {
            (null, null) => LayoutFor(count),
            ({ } r, null) => (r, DivideUp(count, r)),
            (null, { } c) => (DivideUp(count, c), c),
            ({ } r, { } c) => (r, c),
        };
        return (long)layout.Rows * layout.Columns >= count
            ? layout
            : throw new ArgumentException($"{count} pictures do not fit into {layout.Rows} rows of {layout.Columns}.", nameof(rows));
    }

    private static int DivideUp(int count, int by) => (count + by - 1) / by;
}
