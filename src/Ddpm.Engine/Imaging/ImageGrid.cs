namespace Ddpm.Engine.Imaging;

/// <summary>Pictures side by side in one PNG, row by row, edge to edge: pixel (x, y) of a cell is pixel (x, y) of its picture.</summary>
public static class ImageGrid
{
    /// <summary>Lays out the pictures; cells past the last one stay white.</summary>
    /// <exception cref="ArgumentException">The pictures do not fit into <paramref name="rows"/> × <paramref name="columns"/> cells.</exception>
    public static byte[] EncodePng(PixelBatch images, int rows, int columns)
    {
        if (rows < 1 || columns < 1 || (long)rows * columns < images.Count)
            throw new ArgumentException($"{images.Count} pictures do not fit into {rows}×{columns} cells.", nameof(rows));

        var (height, width, channels) = (images.Height, images.Width, images.Channels);
        var stride = columns * width * channels;
        var grid = new byte[checked(rows * height * stride)];
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
