namespace Ddpm.Cli.Tests;

/// <summary><c>ddpm interpolate</c> and <c>ddpm inpaint</c>.</summary>
[Trait("Category", "services")]
public sealed class GuideTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public GuideTests() => Tool.Do(_folder.Path, "sample", "faces-32", "--count", "2", "--steps", "4", "--seed", "3", "--images", "each");

    [Fact]
    public void Interpolate_GoesFromOneSeedsPictureToAnothers()
    {
        Tool.Do(_folder.Path, "interpolate", "faces-32", "--seed", "3", "--to-seed", "4", "--count", "3", "--steps", "4", "--images", "way");
        Assert.Equal((96, 32), Pictures.SizeOf(_folder.At("grid.png")));
        Assert.Equal(File.ReadAllBytes(_folder.At("each", "0.png")), File.ReadAllBytes(_folder.At("way", "0.png")));
    }

    [Fact]
    public void Interpolate_GoesFromOnePictureToAnother()
    {
        Tool.Do(_folder.Path, "interpolate", "faces-32", "--from", "each/0.png", "--to", "each/1.png", "--strength", "0", "--count", "3", "--images", "way");
        Assert.Equal(File.ReadAllBytes(_folder.At("each", "0.png")), File.ReadAllBytes(_folder.At("way", "0.png")));
        Assert.Equal(File.ReadAllBytes(_folder.At("each", "1.png")), File.ReadAllBytes(_folder.At("way", "2.png")));
    }

    [Fact]
    public void Inpaint_PaintsTheBox_OrWhatIsWhiteOnTheMask()
    {
        string[] paint = ["inpaint", "faces-32", "each/0.png", "--steps", "6", "--jump-length", "2", "--resamplings", "2", "--count", "1", "--out"];
        Tool.Do(_folder.Path, [.. paint, "box.png", "--box", "0,0,32,32"]);
        File.Copy(_folder.At("each", "0.png"), _folder.At("before.png"));
        Assert.Equal((32, 32), Pictures.SizeOf(_folder.At("box.png")));
        Assert.NotEqual(File.ReadAllBytes(_folder.At("before.png")), File.ReadAllBytes(_folder.At("box.png")));

        File.WriteAllBytes(_folder.At("black.png"), Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="));
        Tool.Do(_folder.Path, [.. paint, "kept.png", "--mask", "black.png"]);
        Assert.Equal(File.ReadAllBytes(_folder.At("before.png")), File.ReadAllBytes(_folder.At("kept.png")));
    }

    public void Dispose() => _folder.Dispose();
}
