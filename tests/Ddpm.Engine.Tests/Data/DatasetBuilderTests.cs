using System.Security.Cryptography;
using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Tests.Data;

public sealed class DatasetBuilderTests : IDisposable
{
    private static readonly DatasetOptions _small = new() { Resolution = 8 };

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Build_StoresPlanes_Labels_AndTheirHash()
    {
        var pixels = Enumerable.Range(0, 8 * 8 * 3).Select(n => (byte)n).ToArray();
        var manifest = Build(_small, ("a", "dog", ImageCodec.EncodePng(pixels, 8, 8, 3)), ("b", "cat", SmallDataset.Plain(8, 7)), ("c", null, SmallDataset.Plain(8, 9)));

        using var dataset = ImageDataset.Open(_folder["set"]);
        var planes = new byte[192];
        dataset.CopyImage(0, planes);
        Assert.Equal(Enumerable.Range(0, 192).Select(n => pixels[n % 64 * 3 + n / 64]), planes);
        Assert.Equal(["cat", "dog"], dataset.Classes);
        Assert.Equal([1, 0, -1], Enumerable.Range(0, 3).Select(dataset.LabelOf));
        Assert.Equal([new DatasetClass("cat", 1), new DatasetClass("dog", 1)], manifest.Classes);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(_folder["set"], "images.u8")))), dataset.Sha256);
    }

    [Fact]
    public void Build_MakesGreyAsPilDoes()
    {
        Build(_small with { Channels = 1 }, ("a", null, ImageCodec.EncodePng([.. Enumerable.Repeat((byte[])[200, 100, 50], 64).SelectMany(p => p)], 8, 8, 3)));

        using var dataset = ImageDataset.Open(_folder["set"]);
        var plane = new byte[64];
        dataset.CopyImage(63 / 64, plane);
        Assert.All(plane, value => Assert.Equal(124, value)); // 0.299 · 200 + 0.587 · 100 + 0.114 · 50 = 124.2
    }

    [Fact]
    public void Build_SkipsCountsAndNamesWhatIsNoPicture()
    {
        var bad = Enumerable.Range(0, 150).Select(n => ($"bad-{n:000}.png", (string?)null, "no picture"u8.ToArray()));
        var manifest = Build(_small, [.. bad, ("good.png", null, SmallDataset.Plain(8, 1))]);

        Assert.Equal((1, 150), (manifest.Count, manifest.SkippedCount));
        Assert.Equal(DatasetManifest.MaxSkippedNamed, manifest.Skipped.Count);
        Assert.Equal("bad-000.png", manifest.Skipped[0].Name);
        Assert.StartsWith("not a picture", manifest.Skipped[0].Reason);
    }

    [Theory, InlineData(true, 2), InlineData(false, 4)]
    public void Build_CountsIdenticalFiles_AndLeavesThemOutWhenAsked(bool deduplicate, int expected)
    {
        var (one, two) = (SmallDataset.Plain(8, 1), SmallDataset.Plain(8, 2));
        var manifest = Build(_small with { Deduplicate = deduplicate }, ("a", null, one), ("b", null, two), ("c", null, one), ("d", null, one));

        Assert.Equal((expected, 2, deduplicate), (manifest.Count, manifest.Duplicates, manifest.Deduplicated));
    }

    [Fact]
    public void Build_FindsDuplicatesHoweverFarApart()
    {
        var files = Enumerable.Range(0, 200).Select(n => ($"{n:000}", (string?)null, SmallDataset.Plain(8, (byte)(n % 100))));

        var manifest = Build(_small with { Deduplicate = true }, [.. files]);

        Assert.Equal((100, 100), (manifest.Count, manifest.Duplicates));
    }

    [Fact]
    public void Build_LimitCountsOnlyWhatIsKept()
    {
        var one = SmallDataset.Plain(8, 1);
        var manifest = Build(
            _small with { Limit = 2, Deduplicate = true },
            ("a", null, one), ("b", null, [1, 2, 3]), ("c", null, one), ("d", null, SmallDataset.Plain(8, 4)), ("e", null, SmallDataset.Plain(8, 5)));

        Assert.Equal((2, 1, 1), (manifest.Count, manifest.SkippedCount, manifest.Duplicates));
        using var dataset = ImageDataset.Open(_folder["set"]);
        Assert.Equal([1, 4], Enumerable.Range(0, 2).Select(n => (int)dataset.Preview(2).Image(n)[0]));
    }

    [Fact]
    public void Build_SaysWhy_WhenNothingIsUsable()
    {
        Assert.Equal("There are no files in the source.", Assert.Throws<DatasetException>(() => Build(_small)).Message);
        Assert.Contains("all 2 files", Assert.Throws<DatasetException>(() => Build(_small, ("a", null, [1]), ("b", null, [2]))).Message);
        Assert.Contains("readme.txt", Assert.Throws<DatasetException>(() => Build(_small, ("readme.txt", null, [1]))).Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Theory, InlineData(0), InlineData(536_870_912)]
    public void Build_Refuses_WhenPicturesMayHaveMorePixelsThanFitIntoMemory(long maxPixels) =>
        Assert.Contains("MaxPixels", Assert.Throws<DatasetException>(() => Build(_small with { MaxPixels = maxPixels }, ("a", null, SmallDataset.Plain(8, 1)))).Message);

    [Fact]
    public void Build_SkipsAndNamesPicturesThatAreTooLarge()
    {
        var manifest = Build(_small with { MaxPixels = 64 }, ("large", null, SmallDataset.Plain(9, 1)), ("small", null, SmallDataset.Plain(8, 1)));

        Assert.Equal([new SkippedFile("large", "9×9 pixels are more than the 64 allowed")], manifest.Skipped);
    }

    [Fact]
    public void Build_Refuses_WhenTheFolderHoldsSomething_AndLeavesIt()
    {
        Directory.CreateDirectory(_folder["set"]);
        File.WriteAllText(Path.Combine(_folder["set"], "precious"), "x");

        Assert.Throws<DatasetException>(() => Build(_small, ("a", null, SmallDataset.Plain(8, 1))));

        Assert.Equal("x", File.ReadAllText(Path.Combine(_folder["set"], "precious")));
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Build_LeavesNothing_WhenCancelled()
    {
        using var cancel = new CancellationTokenSource();
        var progress = new Reporter(report => cancel.Cancel());
        var files = Enumerable.Range(0, 300).Select(n => ($"{n:000}", (string?)null, SmallDataset.Plain(8, (byte)n)));

        Assert.Throws<OperationCanceledException>(() =>
            DatasetBuilder.Build(new MemorySource([.. files]), _small, _folder["set"], progress, cancel.Token));

        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Build_ReportsEveryFile()
    {
        var reports = new List<DatasetProgress>();
        var files = Enumerable.Range(0, 130).Select(n => ($"{n:000}", (string?)null, n % 2 == 0 ? SmallDataset.Plain(8, (byte)n) : [0]));
        DatasetBuilder.Build(new MemorySource([.. files]), _small, _folder["set"], new Reporter(reports.Add), CancellationToken.None);

        Assert.Equal(reports.OrderBy(r => r.FilesDone), reports);
        Assert.Equal(new DatasetProgress(130, 130, 65, 65), reports[^1]);
    }

    public void Dispose() => _folder.Dispose();

    private DatasetManifest Build(DatasetOptions options, params (string Name, string? Class, byte[] Content)[] files) =>
        DatasetBuilder.Build(new MemorySource(files), options, _folder["set"], null, CancellationToken.None);

    private sealed class Reporter(Action<DatasetProgress> heard) : IProgress<DatasetProgress>
    {
        public void Report(DatasetProgress value) => heard(value);
    }
}
