using Ddpm.Worker.Tests.Hub;

namespace Ddpm.Cli.Tests;

[Trait("Category", "services")]
public sealed class DatasetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static string Arrow(string kind) => Path.Combine(AppContext.BaseDirectory, "data", "parquet", $"arrow-{kind}.parquet");

    [Fact]
    public void Info_SaysWhatAFolderOfPicturesHolds_AndWhatCannotBeUsed()
    {
        Tool.Do(_folder.Path, "dataset", "make", "faces", "faces", "--count", "20", "--size", "16");
        File.WriteAllText(_folder.At("faces", "notes.png"), "no picture");
        var said = Tool.Do(_folder.Path, "dataset", "info", "faces", "--resolution", "16", "--preview", "preview.png");
        Assert.Contains("20 pictures of 16×16 pixels, colour", said, StringComparison.Ordinal);
        Assert.Contains("notes.png", said, StringComparison.Ordinal);
        Assert.Equal((80, 64), Pictures.SizeOf(_folder.At("preview.png")));
    }

    [Fact]
    public void Make_GivesTheSamePicturesAsACacheAndAsFiles()
    {
        Tool.Do(_folder.Path, "dataset", "make", "faces", "files", "--count", "20", "--size", "16");
        Tool.Do(_folder.Path, "dataset", "make", "faces", "cache", "--count", "20", "--size", "16", "--format", "cache");
        Assert.Contains("20 pictures of 16×16", Tool.Do(_folder.Path, "dataset", "info", "cache"), StringComparison.Ordinal);
        Assert.Equal(20, Directory.GetFiles(_folder.At("files"), "*.png", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void Info_ReadsParquet()
    {
        var said = Tool.Do(_folder.Path, "dataset", "info", Arrow("snappy"), "--resolution", "8");
        Assert.Contains("10 pictures of 8×8 pixels, colour\n  dog: 4\n  cat: 4", said, StringComparison.Ordinal);
        Assert.Contains("2 files skipped, such as arrow-snappy/0000006", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Info_ReadsADatasetOfTheHub()
    {
        await using var hub = await FakeHub.StartAsync();
        hub.Add("datasets/huggan/faces", "data/train-00000-of-00001.parquet", await File.ReadAllBytesAsync(Arrow("snappy"), TestContext.Current.CancellationToken));
        hub.Add("datasets/huggan/faces", "data/test-00000-of-00001.parquet", await File.ReadAllBytesAsync(Arrow("plain"), TestContext.Current.CancellationToken));

        var said = Tool.Do(_folder.Path, "dataset", "info", $"hub:huggan/faces@{FakeHub.Commit}", "--resolution", "8", "--split", "test", "--hub-url", hub.Url.AbsoluteUri);

        Assert.Contains("10 pictures of 8×8", said, StringComparison.Ordinal);
        Assert.Contains("data/test-00000-of-00001/0000006", said, StringComparison.Ordinal);
        Assert.Contains("has no dataset huggan/nothing", Tool.Run(_folder.Path, "dataset", "info", "hub:huggan/nothing", "--hub-url", hub.Url.AbsoluteUri).Errors, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
