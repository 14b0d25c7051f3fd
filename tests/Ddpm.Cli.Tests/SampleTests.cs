namespace Ddpm.Cli.Tests;

[Trait("Category", "services")]
public sealed class SampleTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Sample_WritesTheGridAndEachPicture_AtTheModelsSize()
    {
        Tool.Do(_folder.Path, "sample", "faces-32", "--count", "3", "--steps", "2", "--columns", "3", "--first", "7", "--images", "each");
        Assert.Equal((96, 32), Pictures.SizeOf(_folder.At("grid.png")));
        Assert.Equal(["7.png", "8.png", "9.png"], Directory.GetFiles(_folder.At("each")).Select(Path.GetFileName).Order());
        Assert.All(Directory.GetFiles(_folder.At("each")), file => Assert.Equal((32, 32), Pictures.SizeOf(file)));
    }

    [Fact]
    public void Sample_KeepsEachPicture_WhenTheGridCannotBeWritten()
    {
        Directory.CreateDirectory(_folder.At("taken"));
        Assert.NotEqual(0, Tool.Run(_folder.Path, "sample", "faces-32", "--count", "1", "--steps", "1", "--out", "taken", "--images", "each").Status);
        Assert.Equal((32, 32), Pictures.SizeOf(_folder.At("each", "0.png")));
    }

    [Fact]
    public void Sample_GivesTheSameBytesForTheSameSeedOnly()
    {
        Assert.Equal(Draw("--seed", "5"), Draw("--seed", "5"));
        Assert.NotEqual(Draw("--seed", "5"), Draw("--seed", "6"));
    }

    [Fact]
    public void Sample_ClipsAsTheModelsScheduleSays_UnlessToldOtherwise()
    {
        var usual = Draw("--sampler", "dpmsolver++");
        Assert.Equal(usual, Draw("--sampler", "dpmsolver++", "--clip-sample", "true"));
        Assert.NotEqual(usual, Draw("--sampler", "dpmsolver++", "--clip-sample", "false"));
    }

    [Fact]
    public void Sample_WritesTheTrajectory_AsAnAnimation()
    {
        Draw("--trajectory", "way/t.webp");
        var webp = File.ReadAllBytes(_folder.At("way", "t.webp")).AsSpan();
        Assert.True(webp.StartsWith("RIFF"u8) && webp[8..].StartsWith("WEBPVP8X"u8));
        Assert.Equal(4, Pictures.CountOf(webp, "ANMF"u8));
    }

    [Fact]
    public void Sample_DrawsAfterAPicture_AsMuchAnewAsAsked()
    {
        var picture = Draw("--seed", "5");
        File.WriteAllBytes(_folder.At("from.png"), picture);
        Assert.Equal(picture, Draw("--from", "from.png", "--strength", "0"));
        var half = Draw("--from", "from.png");
        Assert.Equal(half, Draw("--from", "from.png", "--strength", "0.5"));
        Assert.NotEqual(half, Draw("--from", "from.png", "--strength", "1"));
    }

    public void Dispose() => _folder.Dispose();

    private byte[] Draw(params string[] options)
    {
        Tool.Do(_folder.Path, ["sample", "faces-32", "--count", "1", "--steps", "4", "--out", "one.png", .. options]);
        return File.ReadAllBytes(_folder.At("one.png"));
    }
}
