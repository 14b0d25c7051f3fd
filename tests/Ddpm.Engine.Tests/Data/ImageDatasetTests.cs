using Ddpm.Engine.Data;

namespace Ddpm.Engine.Tests.Data;

public sealed class ImageDatasetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Preview_TakesPicturesEvenlySpaced()
    {
        using var dataset = SmallDataset.OfNumbers(_folder["set"], 10);

        Assert.Equal([0, 2, 5, 7], Enumerable.Range(0, 4).Select(n => (int)dataset.Preview(4).Image(n)[4]));
        Assert.Equal(10, dataset.Preview(64).Count);
    }

    [Fact]
    public void CopyImage_Refuses_WhenThereIsNoSuchPicture()
    {
        using var dataset = SmallDataset.OfNumbers(_folder["set"], 2);

        Assert.Throws<ArgumentOutOfRangeException>(() => dataset.CopyImage(2, new byte[192]));
        Assert.Throws<ArgumentOutOfRangeException>(() => dataset.CopyImage(-1, new byte[192]));
        Assert.Throws<ArgumentException>(() => dataset.CopyImage(0, new byte[191]));
    }

    [Theory]
    [InlineData("images.u8", "images.u8 has 100 bytes"), InlineData("dataset.json", "dataset.json is damaged")]
    public void Open_SaysWhichFileIsDamaged(string file, string expected)
    {
        SmallDataset.OfNumbers(_folder["set"], 2).Dispose();
        File.WriteAllBytes(Path.Combine(_folder["set"], file), new byte[100]);

        Assert.Contains(expected, Assert.Throws<DatasetException>(() => ImageDataset.Open(_folder["set"])).Message);
    }

    [Theory, InlineData("null"), InlineData("[null]"), InlineData("[{\"name\":null,\"count\":1}]")]
    public void Open_SaysSo_WhenClassesAreNull(string classes)
    {
        SmallDataset.OfNumbers(_folder["set"], 2).Dispose();
        var manifest = Path.Combine(_folder["set"], "dataset.json");
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("\"classes\": []", $"\"classes\": {classes}", StringComparison.Ordinal));

        Assert.Contains("dataset.json is damaged", Assert.Throws<DatasetException>(() => ImageDataset.Open(_folder["set"])).Message);
    }

    [Theory, InlineData("images.u8"), InlineData("dataset.json")]
    public void Open_SaysWhichFileIsMissing(string file)
    {
        SmallDataset.OfNumbers(_folder["set"], 2).Dispose();
        File.Delete(Path.Combine(_folder["set"], file));

        Assert.Contains(file, Assert.Throws<DatasetException>(() => ImageDataset.Open(_folder["set"])).Message);
    }

    public void Dispose() => _folder.Dispose();
}
