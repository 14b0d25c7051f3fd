namespace Ddpm.Engine.Imaging;

/// <summary>Pictures side by side in one PNG or animated WebP, row by row, edge to edge: pixel (x, y) of a cell is pixel (x, y) of its picture.</summary>
public static class ImageGrid
{
    /// <summary>Most rows, and most columns, of pixels in a grid. libpng writes no more than 1,000,000.</summary>
    public const int MaxSide = 1 << 17;

    /// <summary>Most pixels in a grid: 2²⁸, for which 2 GB of memory are needed.</summary>
    public const int MaxPixels = 1 << 28;

    /// <summary>Most rows, and most columns, of pixels in an animation: the format has 14 bits for them.</summary>
    public const int MaxAnimationSide = (1 << 14) - 1;

    /// <summary>Most pixels in all frames of an animation together: 2²⁸, for which 2 GB of memory are needed.</summary>
    public const int MaxAnimationPixels = 1 << 28;

    /// <summary>Lays out the pictures; cells past the last one stay white.</summary>
    /// <exception cref="ArgumentException">The pictures do not fit into <paramref name="rows"/> × <paramref name="columns"/> cells, or the grid is too large.</exception>
    public static byte[] EncodePng(PixelBatch images, int rows, int columns) =>
        ImageCodec.EncodePng(Lay(images, rows, columns), columns * images.Width, rows * images.Height, images.Channels);

    /// <summary>An animation, a grid a frame, as a lossless WebP that repeats for ever.</summary>
    /// <param name="frames">At least one, all of one shape.</param>
    /// <param name="rows">Of cells.</param>
    /// <param name="columns">Of cells.</param>
    /// <param name="frameTime">How long a frame is seen, in whole milliseconds.</param>
    /// <param name="lastFrameTime">How long the last one is.</param>
    /// <exception cref="ArgumentException">As for <see cref="EncodePng"/> and <see cref="CheckAnimationSize"/>, or the frames differ in shape.</exception>
    public static byte[] EncodeWebP(IReadOnlyList<PixelBatch> frames, int rows, int columns, TimeSpan frameTime, TimeSpan lastFrameTime)
    {
        if (frames.Count == 0 || frames.Any(frame => frame with { Pixels = frames[0].Pixels } != frames[0]))
            throw new ArgumentException("Frames of one shape are needed, at least one.", nameof(frames));
        var (height, width) = (frames[0].Height, frames[0].Width);
        CheckAnimationSize(rows, columns, height, width, frames.Count);
        return ImageCodec.EncodeWebP(
            [.. frames.Select((frame, index) => (Lay(frame, rows, columns), index < frames.Count - 1 ? frameTime : lastFrameTime))],
            columns * width, rows * height, frames[0].Channels);
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

    /// <summary>Says whether an animation of grids can be made, before its pictures are.</summary>
    /// <param name="rows">Of cells.</param>
    /// <param name="columns">Of cells.</param>
    /// <param name="height">Rows of a picture.</param>
    /// <param name="width">Columns of a picture.</param>
    /// <param name="frames">How many grids.</param>
    /// <exception cref="ArgumentException">It would be larger than <see cref="MaxAnimationSide"/> or <see cref="MaxAnimationPixels"/>.</exception>
    public static void CheckAnimationSize(int rows, int columns, int height, int width, int frames)
    {
        var (down, across) = ((long)rows * height, (long)columns * width);
        if (down > MaxAnimationSide || across > MaxAnimationSide || down * across * frames > MaxAnimationPixels)
        {
            throw new ArgumentException(
                $"An animation of {frames} frames of {across}×{down} pixels is too large; at most {MaxAnimationSide} pixels a side and {MaxAnimationPixels} in all frames are accepted. Ask for fewer pictures.");
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

    // Rows from the top, channels interleaved.
    private static byte[] Lay(PixelBatch images, int rows, int columns)
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
                    var row = planes.Slice((channel * height + y) * width, width);
                    var to = corner + y * stride + channel;
                    foreach (var value in row)
                    {
                        grid[to] = value;
                        to += channels;
                    }
                }
            }
        }

        return grid;
    }

    private static int DivideUp(int count, int by) => (count + by - 1) / by;
}
