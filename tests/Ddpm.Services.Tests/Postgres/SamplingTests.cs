using Ddpm.Services.Tests.Running;

namespace Ddpm.Services.Tests.Postgres;

/// <summary>Pictures of models, trained here or shipped.</summary>
public sealed class SamplingTests(SplitService service) : SplitServiceTests(service)
{
    [Fact]
    public async Task Samples_AreTheGridItself_WhenAPictureIsAskedFor()
    {
        var png = (await Client.PostAsync(
            "/samples", $$"""{"trainingRunId": "{{Service.TrainedId}}", "count": 6, "rows": 2, "columns": 3, "seed": 3}""",
            ("Prefer", "wait=60"), ("Accept", "image/png"))).Content("image/png");
        var one = Png.SizeOf((await Client.PostAsync(
            "/samples", $$"""{"trainingRunId": "{{Service.TrainedId}}", "count": 1, "seed": 3}""",
            ("Prefer", "wait=60"), ("Accept", "image/png"))).Content("image/png"));
        Assert.Equal((16, 16), one);
        var (width, height) = Png.SizeOf(png);
        Assert.True(width >= 3 * 16 && width < 4 * 16 && height >= 2 * 16 && height < 3 * 16, $"{width} × {height}");
    }

    [Fact]
    public async Task ShippedModel_IsThereAndDraws()
    {
        var model = (await Client.GetAsync("/models")).Json(200)["items"]!.AsArray().Single(item => (string?)item!["name"] == "faces-32")!;
        Assert.Equal(("succeeded", 32), ((string?)model["status"], (int)model["checkpoint"]!["resolution"]!));

        var png = (await Client.PostAsync("/samples", """{"count": 1, "steps": 2}""", ("Prefer", "wait=60"), ("Accept", "image/png"))).Content("image/png");
        Assert.Equal((32, 32), Png.SizeOf(png));
    }

    [Fact]
    public async Task System_KnowsItsWorker()
    {
        var system = (await Client.GetAsync("/system")).Json(200);
        Assert.Equal("cpu", (string?)system["workers"]!.AsArray().Single()!["device"]);
        Assert.Equal(["data", "evaluation", "sampling", "training"], system["queues"]!.AsArray().Select(queue => (string)queue!["name"]!).Order(StringComparer.Ordinal));
    }
}
