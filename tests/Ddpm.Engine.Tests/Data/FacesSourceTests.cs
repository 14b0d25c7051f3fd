using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Tests.Data;

public sealed class FacesSourceTests
{
    [Fact]
    public void Open_GivesTheSameFace_HoweverManyAreAskedFor()
    {
        var few = Faces(5, seed: 7, size: 32);
        var many = Faces(20, seed: 7, size: 32);

        Assert.Equal(few.Select(face => face.Png), many.Take(5).Select(face => face.Png));
        Assert.NotEqual(few[0].Png, Faces(1, seed: 8, size: 32)[0].Png);
    }

    [Fact]
    public void Open_ListsFacesInNameOrder()
    {
        var names = Faces(12, seed: 7, size: 8).Select(face => face.Name).ToList();

        Assert.Equal(names.Order(StringComparer.Ordinal), names);
    }

    [Fact]
    public void Open_DrawsFacesThatDiffer()
    {
        var faces = Faces(300, seed: 7, size: 32);

        Assert.Equal(300, faces.Select(face => Convert.ToHexString(face.Png)).Distinct().Count());
        Assert.Equal(["black", "blond", "blue", "brown", "pink", "red"], faces.Select(face => face.Class).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Open_MakesTheClassTheColourOfTheHair()
    {
        // In the band above the eyes every face has hair, beside and below a beanie too.
        foreach (var (_, hair, png) in Faces(60, seed: 3, size: 64).Where(face => face.Class is "blue" or "red"))
        {
            var image = ImageCodec.Decode(png, new ImageDecodeOptions());
            var band = Enumerable.Range(0, 64 * 64).Where(i => i / 64 is > 6 and < 30)
                .Select(i => (Red: image.Pixels[3 * i], Blue: image.Pixels[3 * i + 2])).ToList();
            var strong = hair == "blue" ? band.Count(p => p.Blue > p.Red + 100) : band.Count(p => p.Red > p.Blue + 120);

            Assert.True(strong > 100, $"Only {strong} {hair} pixels.");
        }
    }

    [Theory, InlineData(8), InlineData(33), InlineData(256)]
    public void Open_DrawsAnySize(int size)
    {
        var image = ImageCodec.Decode(Faces(1, seed: 1, size)[0].Png, new ImageDecodeOptions());

        Assert.Equal((size, size), (image.Width, image.Height));
    }

    [Theory, InlineData(0, 32), InlineData(1, 7)]
    public void Open_Refuses_WhenOutOfRange(int count, int size) =>
        Assert.Throws<DatasetException>(() => new FacesSource(count, 1, size).Open(CancellationToken.None));

    private static List<(string Name, string? Class, byte[] Png)> Faces(int count, ulong seed, int size)
    {
        using var listing = new FacesSource(count, seed, size).Open(CancellationToken.None);
        return [.. listing.Entries.Select(entry => (entry.Name, entry.Class, entry.Read()))];
    }
}
