namespace Ddpm.Engine.Imaging;

/// <summary>
/// Changes the size of pictures as PIL does (<c>Image.resize(…, BICUBIC)</c>): a separable convolution whose filter widens by the
/// factor of reduction, so that a large picture made small is averaged, not sampled.
/// </summary>
public static class Resize
{
    /// <summary>Cuts the largest centred square out of a picture and brings it to the size asked for.</summary>
    /// <returns>The picture itself if it is already of that size.</returns>
    public static DecodedImage ToSquare(DecodedImage image, int side)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        if (image.Width == side && image.Height == side)
            return image;

        var crop = Math.Min(image.Width, image.Height);
        var left = (image.Width - crop) / 2;
        var top = (image.Height - crop) / 2;
        var taps = Taps.Between(crop, side);
        var narrow = new float[crop * side * 3]; // [crop rows, side columns, 3]
        for (var y = 0; y < crop; y++)
        {
            var row = image.Pixels.AsSpan(((top + y) * image.Width + left) * 3, crop * 3);
            for (var x = 0; x < side; x++)
            {
                var (red, green, blue) = (0f, 0f, 0f);
                var at = taps.First[x] * 3;
                foreach (var weight in taps.Weights[x])
                {
                    red += weight * row[at];
                    green += weight * row[at + 1];
                    blue += weight * row[at + 2];
                    at += 3;
                }
                var to = (y * side + x) * 3;
                (narrow[to], narrow[to + 1], narrow[to + 2]) = (red, green, blue);
            }
        }

        var pixels = new byte[side * side * 3];
        var sums = new float[side * 3];
        for (var y = 0; y < side; y++)
        {
            Array.Clear(sums);
            for (var tap = 0; tap < taps.Weights[y].Length; tap++)
            {
                var weight = taps.Weights[y][tap];
                var row = narrow.AsSpan((taps.First[y] + tap) * side * 3, side * 3);
                for (var i = 0; i < sums.Length; i++)
                    sums[i] += weight * row[i];
            }
            for (var i = 0; i < sums.Length; i++)
                pixels[y * side * 3 + i] = (byte)Math.Clamp(MathF.Floor(sums[i] + 0.5f), 0f, 255f);
        }
        return new DecodedImage(pixels, side, side);
    }

    /// <summary>For each pixel of the result the pixels of the source that it is made of.</summary>
    private sealed record Taps(int[] First, float[][] Weights)
    {
        public static Taps Between(int sourceSize, int size)
        {
            var scale = (double)sourceSize / size;
            var widening = Math.Max(scale, 1);
            var support = 2 * widening; // the bicubic reaches two pixels either side
            var (first, weights) = (new int[size], new float[size][]);
            for (var i = 0; i < size; i++)
            {
                var centre = (i + 0.5) * scale;
                first[i] = Math.Max((int)(centre - support + 0.5), 0);
                var end = Math.Min((int)(centre + support + 0.5), sourceSize);
                var raw = Enumerable.Range(first[i], end - first[i]).Select(source => Bicubic((source + 0.5 - centre) / widening)).ToArray();
                var sum = raw.Sum(); // less than 1 at the edges, where part of the filter lies outside
                weights[i] = [.. raw.Select(weight => (float)(weight / sum))];
            }
            return new Taps(first, weights);
        }

        // Keys 1981 with a = -1/2, as PIL.
        private static double Bicubic(double x)
        {
            const double a = -0.5;
            x = Math.Abs(x);
            return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1
                : x < 2 ? (((x - 5) * x + 8) * x - 4) * a
                : 0;
        }
    }
}
