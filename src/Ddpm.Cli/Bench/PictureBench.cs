using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Cli.Bench;

/// <summary>How long the PNG of a grid takes, from what a network has drawn to the bytes of the file.</summary>
internal static class PictureBench
{
    private const int Pictures = 64;
    private const int Side = 64;
    private const int Rows = 8;

    public static IEnumerable<BenchReport> Measure(BenchOptions options)
    {
        var drawn = Draw();
        var bytes = ImageGrid.EncodePng(drawn, Rows, Rows).Length;
        var seconds = Repeated.Seconds(() => ImageGrid.EncodePng(drawn, Rows, Rows), options.CancellationToken);
        yield return BenchReport.Of(
            [
                Bench.Measure.Of($"PNG of a grid of {Pictures} pictures of {Side}×{Side}", "ms", [.. seconds.Select(value => 1000 * value)]),
                Bench.Measure.Of("its size", "kB", bytes / 1e3),
            ]);
    }

    // Faces are plainer than what a network draws, which never leaves areas quite flat: so three of 255 levels up or down are added to each value.
    private static PixelBatch Draw()
    {
        using var faces = new FacesSource(Pictures, seed: 0, Side).Open(CancellationToken.None);
        var pixels = faces.Entries.SelectMany(face => PixelBatch.Of(ImageCodec.Decode(face.Read(), new ImageDecodeOptions()), 3, Side).Pixels).ToArray();
        var random = new Random(1);
        for (var n = 0; n < pixels.Length; n++)
            pixels[n] = (byte)Math.Clamp(pixels[n] + random.Next(-3, 4), 0, 255);
        return new PixelBatch(pixels, Pictures, 3, Side, Side);
    }
}
