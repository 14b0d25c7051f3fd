namespace Ddpm.Cli.Tests;

[Trait("Category", "services")]
public sealed class DatasetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

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

    public void Dispose() => _folder.Dispose();
}
