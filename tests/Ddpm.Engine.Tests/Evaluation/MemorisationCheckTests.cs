using Ddpm.Engine.Data;
using Ddpm.Engine.Evaluation.Memorisation;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Tests.Data;

namespace Ddpm.Engine.Tests.Evaluation;

public sealed class MemorisationCheckTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public MemorisationCheckTests() => TorchRuntime.Initialize();

    [Theory, InlineData(16), InlineData(64)]
    public void Find_NamesAPlantedCopy_AndItsMirrorImage(int side)
    {
        using var dataset = Noise(side, 30);
        var copy = Picture(dataset, 17);
        var mirrored = Mirrored(Picture(dataset, 4));
        var near = Picture(dataset, 9);
        near.Pixels[0] ^= 64; // one value of many

        var found = NearestPictures.Find(Join(copy, mirrored, near), dataset, 3, null, CancellationToken.None);

        Assert.Equal(new NearestPicture(17, 0, false), found[0][0]);
        Assert.Equal(new NearestPicture(4, 0, true), found[1][0]);
        Assert.Equal((9, false), (found[2][0].Index, found[2][0].Mirrored));
        var values = dataset.Channels * NearestPictures.ComparedSide(side) * NearestPictures.ComparedSide(side);
        var shrink = side / NearestPictures.ComparedSide(side) * (side / NearestPictures.ComparedSide(side)); // pixels averaged into one
        Assert.Equal(64.0 / shrink / Math.Sqrt(values), found[2][0].Distance, 1e-9);
        Assert.All(found, nearest => Assert.Equal(3, nearest.Count));
        Assert.All(found, nearest => Assert.True(nearest[0].Distance < nearest[1].Distance && nearest[1].Distance <= nearest[2].Distance));
    }

    [Fact]
    public void Find_GoesByThePixels()
    {
        using var dataset = SmallDataset.OfNumbers(_folder["numbers"], 100); // picture n is grey of value n
        var found = NearestPictures.Find(Picture(dataset, 40), dataset, 5, null, CancellationToken.None, except: [40]);
        Assert.Equal([39, 41, 38, 42, 37], found[0].Select(nearest => nearest.Index));
        // Seven of eight columns differ, by 1.
        Assert.Equal(Math.Sqrt(7 / 8.0), found[0][0].Distance, 1e-9);
    }

    [Theory, InlineData(8, 8), InlineData(32, 32), InlineData(64, 32), InlineData(48, 24), InlineData(100, 25), InlineData(37, 32), InlineData(512, 32)]
    public void ComparedSide_IsTheLargestDivisorUpTo32(int side, int expected) => Assert.Equal(expected, NearestPictures.ComparedSide(side));

    [Fact]
    public void Measure_PutsCopiesFirst_AndTellsHowFarApartTrainingPicturesAre()
    {
        using var dataset = Noise(16, 30);
        using var others = Noise(16, 5, seed: 2);
        var samples = Join(Picture(others, 0), Picture(others, 1), Picture(dataset, 11), Picture(others, 2), Picture(others, 3));

        var result = MemorisationCheck.Measure(samples, dataset, rows: 2, neighbours: 4, seed: 1, null, CancellationToken.None);

        Assert.Equal((2, 5, 16), (result.Closest.Count, result.Images, result.ComparedSide));
        Assert.Equal((2, 11, 0.0), (result.Closest[0].Sample, result.Closest[0].Nearest[0].Index, result.Closest[0].Nearest[0].Distance));
        // Noise is as far from noise as noise is.
        Assert.Equal(result.DatasetMedian!.Value, result.SampleMedian, result.SampleMedian * 0.1);

        var grid = ImageCodec.Decode(MemorisationCheck.EncodeGrid(result, samples, dataset), new ImageDecodeOptions());
        Assert.Equal(((5 * 16) + 2, 32), (grid.Width, grid.Height));
        Assert.Equal(Pixel(grid, 5, 7), Pixel(grid, 16 + 2 + 5, 7)); // the copy beside its original
        Assert.Equal((255, 255, 255), Pixel(grid, 16, 3)); // the gap
    }

    [Fact]
    public void Grid_ShowsANeighbourMirrored_WhereThatIsNearer()
    {
        using var dataset = Noise(16, 6);
        var samples = Mirrored(Picture(dataset, 3));
        var result = MemorisationCheck.Measure(samples, dataset, rows: 16, neighbours: 5, seed: 1, null, CancellationToken.None);
        var grid = ImageCodec.Decode(MemorisationCheck.EncodeGrid(result, samples, dataset), new ImageDecodeOptions());
        for (var x = 0; x < 16; x++)
            Assert.Equal(Pixel(grid, x, 9), Pixel(grid, 16 + 2 + x, 9));
    }

    [Fact]
    public void Measure_KnowsNoUsualDistance_OfADatasetOfOnePicture()
    {
        using var dataset = Noise(16, 1);
        var result = MemorisationCheck.Measure(Picture(dataset, 0), dataset, rows: 4, neighbours: 5, seed: 0, null, CancellationToken.None);
        Assert.Null(result.DatasetMedian);
        Assert.Equal(0, result.SampleMedian);
        Assert.Single(result.Closest[0].Nearest);
    }

    public void Dispose() => _folder.Dispose();

    private static (int Red, int Green, int Blue) Pixel(DecodedImage image, int x, int y)
    {
        var at = ((y * image.Width) + x) * 3;
        return (image.Pixels[at], image.Pixels[at + 1], image.Pixels[at + 2]);
    }

    private ImageDataset Noise(int side, int count, int seed = 1)
    {
        var random = new Random(seed);
        var files = Enumerable.Range(0, count).Select(n =>
        {
            var pixels = new byte[side * side * 3];
            random.NextBytes(pixels);
            return ($"{n:0000}.png", (string?)null, ImageCodec.EncodePng(pixels, side, side, 3));
        });
        var folder = _folder[$"noise-{side}-{seed}"];
        DatasetBuilder.Build(new MemorySource([.. files]), new DatasetOptions { Resolution = side }, folder, null, CancellationToken.None);
        return ImageDataset.Open(folder);
    }

    private static PixelBatch Picture(ImageDataset dataset, int index)
    {
        var pixels = new byte[dataset.ImageBytes];
        dataset.CopyImage(index, pixels);
        return new PixelBatch(pixels, 1, dataset.Channels, dataset.Height, dataset.Width);
    }

    private static PixelBatch Mirrored(PixelBatch picture)
    {
        for (var row = 0; row < picture.Pixels.Length; row += picture.Width)
            picture.Pixels.AsSpan(row, picture.Width).Reverse();
        return picture;
    }

    private static PixelBatch Join(params PixelBatch[] pictures) =>
        pictures[0] with { Pixels = [.. pictures.SelectMany(picture => picture.Pixels)], Count = pictures.Length };
}
