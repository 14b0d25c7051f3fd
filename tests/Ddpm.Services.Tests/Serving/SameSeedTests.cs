using Ddpm.Services.Tests.Running;

namespace Ddpm.Services.Tests.Serving;

/// <summary>The seed decides the picture, to the byte: not the day, not the process, not the company it is drawn in.</summary>
[Trait("Category", "services")]
public sealed class SameSeedTests : ServeTests
{
    private const string Request = "\"model\": \"faces-32\", \"sampler\": \"ddim\", \"steps\": 4";

    [Fact]
    public async Task SameSeed_GivesTheSameBytes_AgainAloneAndAfterARestart()
    {
        var (first, client) = await ServeAsync();
        var batch = await ImagesAsync(client, $$"""{{{Request}}, "seed": 5, "count": 16}""", 16);
        Assert.Equal(16, batch.Distinct().Count());
        Assert.Equal(batch, await ImagesAsync(client, $$"""{{{Request}}, "seed": 5, "count": 16}""", 16));
        Assert.Equal(batch[11..12], await ImagesAsync(client, $$"""{{{Request}}, "seed": 5, "firstImage": 11, "count": 1}""", 1));
        Assert.NotEqual(batch[..1], await ImagesAsync(client, $$"""{{{Request}}, "seed": 6, "count": 1}""", 1));
        var grid = await GridAsync(client);
        await first.SignalAsync("TERM");

        (_, client) = await ServeAsync();
        Assert.Equal(batch[3..7], await ImagesAsync(client, $$"""{{{Request}}, "seed": 5, "firstImage": 3, "count": 4}""", 4));
        Assert.Equal(grid, await GridAsync(client));
    }

    private static async Task<List<string>> ImagesAsync(DdpmClient client, string body, int count)
    {
        var sample = (await client.PostAsync("/samples", body)).Json(202)["links"]!["self"];
        await client.UntilEndedAsync($"{sample}", "succeeded");
        List<string> images = [];
        for (var n = 0; n < count; n++)
        {
            var png = (await client.GetAsync($"{sample}/images/{n}.png")).Content("image/png");
            Assert.Equal((32, 32), Png.SizeOf(png));
            images.Add(Convert.ToHexString(png));
        }

        return images;
    }

    private static async Task<byte[]> GridAsync(DdpmClient client) => (await client.PostAsync(
        "/samples", $$"""{{{Request}}, "seed": 9, "count": 4}""", ("Prefer", "wait=60"), ("Accept", "image/png"))).Content("image/png");
}
