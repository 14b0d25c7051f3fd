using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Ddpm.Services.Tests.Running;

namespace Ddpm.Services.Tests.Postgres;

/// <summary>What a person gets who uploads pictures and trains on them.</summary>
public sealed class TrainingTests(SplitService service) : SplitServiceTests(service)
{
    [Fact]
    public async Task Dataset_CountsPicturesAndWhatWasLeftOut()
    {
        var dataset = (await Client.GetAsync($"/datasets/{Service.Trained["datasetId"]}")).Json(200);
        Assert.Equal(("emoji", 24, 1), ((string?)dataset["name"], (int)dataset["imageCount"]!, (int)dataset["skippedCount"]!));
        Assert.Equal("emoji64/LICENSE.txt", (string?)dataset["skipped"]![0]!["name"]);

        // 24 pictures of 16 × 16 in 5 rows and 5 columns, perhaps with lines between.
        var (width, height) = Png.SizeOf((await Client.GetAsync((string)dataset["links"]!["preview"]!)).Content("image/png"));
        Assert.True(width >= 5 * 16 && height >= 5 * 16, $"{width} × {height}");
    }

    [Fact]
    public void Run_EndsAtItsLastStep()
    {
        var run = Service.Trained;
        Assert.Equal((24, 24, 1.0), ((int)run["step"]!, (int)run["totalSteps"]!, (double)run["progress"]!));
        Assert.Equal(4.0, (double)run["epoch"]!); // 24 steps of 4 of the 24 pictures
        Assert.Null(run["error"]);
        foreach (var time in new[] { "createdAt", "startedAt", "endedAt" })
            Assert.InRange(DateTimeOffset.Parse((string)run[time]!, CultureInfo.InvariantCulture), DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow);
    }

    // What a call costs the API works out from the request, and the worker from the network that came of it.
    [Fact]
    public async Task Run_CostThreeCallsForEachPictureThatItSaw()
    {
        var sample = (await Client.PostAsync("/samples", $$"""{"trainingRunId": "{{Service.TrainedId}}", "count": 1, "sampler": "ddim", "steps": 1}""")).Json(202);
        var call = (double)sample["operations"]!;
        Assert.Equal(3 * 24 * 4 * call, (double)Service.Trained["operations"]!, call);
    }

    [Fact]
    public async Task Metrics_HaveAPointForEveryStep()
    {
        var points = (await Client.GetAsync($"/training-runs/{Service.TrainedId}/metrics")).Json(200).AsArray();
        Assert.Equal(Enumerable.Range(1, 24), points.Select(point => (int)point!["step"]!));
        Assert.All(points, point => Assert.True((double)point!["loss"]! > 0 && (double)point["gradNorm"]! > 0 && (double)point["imagesPerSecond"]! > 0));

        var csv = Encoding.UTF8.GetString((await Client.GetAsync($"/training-runs/{Service.TrainedId}/metrics", ("Accept", "text/csv"))).Content("text/csv"));
        Assert.Equal(1 + 24, csv.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task PreviewAndLossCurve_ArePictures()
    {
        var links = Service.Trained["links"]!;
        Assert.EndsWith("/previews/24.png", (string)links["latestPreview"]!, StringComparison.Ordinal);
        var (width, height) = Png.SizeOf((await Client.GetAsync((string)links["latestPreview"]!)).Content("image/png"));
        Assert.True(width >= 4 * 16 && height >= 4 * 16, $"{width} × {height}");
        Png.SizeOf((await Client.GetAsync((string)links["lossCurve"]!)).Content("image/png"));
    }

    [Fact]
    public async Task Events_EndWithTheRun()
    {
        var events = Encoding.UTF8.GetString((await Client.GetAsync($"/training-runs/{Service.TrainedId}/events")).Content("text/event-stream"));
        Assert.Equal(
            ["event: progress", "event: preview", "event: checkpoint", "event: ended"],
            events.Split('\n').Where(line => line.StartsWith("event: ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Checkpoints_AreMadeOnTheWayAndAtTheEnd()
    {
        var checkpoints = await Client.CheckpointsAsync(Service.TrainedId);
        Assert.Equal([8, 16, 24], checkpoints.Select(checkpoint => (int)checkpoint["step"]!));
        Assert.All(checkpoints, checkpoint => Assert.True((bool)checkpoint["resumable"]!));
        Assert.Equal(3, checkpoints.Select(checkpoint => (string)checkpoint["sha256"]!).Distinct().Count());
    }

    [Fact]
    public async Task Archive_IsADiffusersFolder()
    {
        var checkpoint = (await Client.CheckpointsAsync(Service.TrainedId))[^1];
        var zip = (await Client.GetAsync((string)checkpoint["links"]!["archive"]!)).Content("application/zip");
        await using var archive = new ZipArchive(new MemoryStream(zip));
        Assert.Equal(
            ["model_index.json", "scheduler/scheduler_config.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors"],
            archive.Entries.Select(entry => entry.FullName).Order(StringComparer.Ordinal));
        await using var weights = await archive.GetEntry("unet/diffusion_pytorch_model.safetensors")!.OpenAsync(TestContext.Current.CancellationToken);
        Assert.Equal(
            (string)checkpoint["sha256"]!,
            Convert.ToHexStringLower(await SHA256.HashDataAsync(weights, TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task Archive_ComesBackAsAModel_WhenItIsUploaded()
    {
        var checkpoint = (await Client.CheckpointsAsync(Service.TrainedId))[^1];
        var zip = (await Client.GetAsync((string)checkpoint["links"]!["archive"]!)).Content("application/zip");
        var model = (await Client.UploadAsync("/models", zip, [("name", "imported")], ("Prefer", "wait=60"))).Json(200);
        Assert.Equal("succeeded", (string?)model["status"]);
        Assert.Equal((string)checkpoint["sha256"]!, (string?)model["checkpoint"]!["sha256"]);
    }
}
