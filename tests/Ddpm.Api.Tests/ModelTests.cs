using System.IO.Compression;
using System.Net;
using System.Text;
using Ddpm.Jobs.Life;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests;

public sealed class ModelTests(ApiHost host) : IClassFixture<ApiHost>
{
    private static readonly byte[] Folder = FakeWorker.Zip(
        ("model_index.json", "{}"u8.ToArray()), ("unet/diffusion_pytorch_model.safetensors", "weights"u8.ToArray()));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("abc%0A")]
    [InlineData("%0Aabc")]
    [InlineData("Abc")]
    public async Task Put_NamesThePattern_WhenTheNameIsNone(string name)
    {
        using var response = await host.SendAsync(HttpMethod.Put, $"/models/{name}", $$"""{"checkpointId": "{{await host.CheckpointAsync()}}"}""");
        Assert.Contains("name", (await ApiHost.ProblemAsync(response, 400)).ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_NamesACheckpoint()
    {
        var checkpoint = await host.CheckpointAsync();
        using var response = await host.PostAsync("/models", $$"""{"name": "made", "checkpointId": "{{checkpoint}}", "description": "Mine."}""");
        var view = await ApiHost.JsonAsync(response, 201);
        Assert.Equal("/models/made", response.Headers.Location?.ToString());
        Assert.Equal(("succeeded", "Mine.", $"{checkpoint}"), ((string?)view["status"], (string?)view["description"], (string?)view["checkpoint"]!["id"]));
    }

    [Fact]
    public async Task Create_IsRefused_WhenTheNameIsTaken()
    {
        var checkpoint = await host.ModelAsync("taken");
        using var response = await host.PostAsync("/models", $$"""{"name": "taken", "checkpointId": "{{checkpoint}}"}""");
        Assert.Contains("PUT /models/taken", (string?)(await ApiHost.ProblemAsync(response, 409))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_GivesTheSameModel_WhenItIsSentTwiceWithOneKey()
    {
        var body = $$"""{"name": "twice", "checkpointId": "{{await host.CheckpointAsync()}}"}""";
        for (var i = 0; i < 2; i++)
        {
            using var response = await host.PostAsync("/models", body, ("Idempotency-Key", "model-1"));
            Assert.Equal("twice", (string?)(await ApiHost.JsonAsync(response, 201))["name"]);
        }
    }

    [Fact]
    public async Task Import_QueuesAJob_ForAModelOfTheHub()
    {
        using var response = await host.PostAsync("/models", """{"name": "cifar10", "hub": {"repository": "google/ddpm-cifar10-32", "revision": "v1"}}""");
        Assert.Equal("queued", (string?)(await ApiHost.JsonAsync(response, 202))["status"]);
        await using var db = host.Database();
        var model = await db.Models.Include(row => row.Job).SingleAsync(row => row.Name == "cifar10", Cancel);
        Assert.Equal((JobKind.ModelImport, "google/ddpm-cifar10-32", "v1", null), (model.Job!.Kind, model.HubRepository, model.HubRevision, model.UploadKey));
    }

    [Theory]
    [InlineData("""{"name": "a"}""", "checkpointId")]
    [InlineData("""{"name": "a", "checkpointId": "0198c0de-0000-7000-8000-000000000000", "hub": {"repository": "a/b"}}""", "checkpointId")]
    [InlineData("""{"name": "a", "hub": {"repository": "https://evil.example/a"}}""", "hub.repository")]
    [InlineData("""{"name": "a", "hub": {}}""", "hub.repository")]
    [InlineData("""{"name": "a", "hub": {"repository": "a/b", "revision": ""}}""", "hub.revision")]
    public async Task Create_NamesTheField_WhenItDoesNotSayWhatTheModelIs(string json, string field)
    {
        using var response = await host.PostAsync("/models", json);
        Assert.NotNull((await ApiHost.ProblemAsync(response, 400))["errors"]![field]);
    }

    [Fact]
    public async Task Import_QueuesAJob_AndKeepsTheUpload()
    {
        using var form = ApiHost.Form(Folder, "folder.zip", ("name", "imported"));
        using var response = await host.Client.PostAsync("/models", form, Cancel);
        Assert.Equal("queued", (string?)(await ApiHost.JsonAsync(response, 202))["status"]);
        await using var db = host.Database();
        var model = await db.Models.Include(row => row.Job).SingleAsync(row => row.Name == "imported", Cancel);
        Assert.Equal(JobKind.ModelImport, model.Job!.Kind);
        Assert.Equal(Folder, await File.ReadAllBytesAsync(host.Artifacts.PathOf(model.UploadKey!), Cancel));

        using var sample = await host.PostAsync("/samples", """{"model": "imported"}""");
        Assert.Contains("has not been imported", (string?)(await ApiHost.ProblemAsync(sample, 409))["detail"], StringComparison.Ordinal);
        using var delete = await host.SendAsync(HttpMethod.Delete, "/models/imported");
        Assert.Equal(HttpStatusCode.NoContent, delete.StatusCode);
        Assert.False(host.Artifacts.Exists(model.UploadKey!));
    }

    [Theory]
    [InlineData("pickle", "not a zip")]
    [InlineData("empty zip", "diffusion_pytorch_model.safetensors")]
    public async Task Import_SaysWhatIsWrongAndKeepsNothing_WhenTheFileIsNoDiffusersFolder(string kind, string fragment)
    {
        var before = host.FilesUnder("").ToHashSet();
        using var form = ApiHost.Form(kind == "pickle" ? Encoding.UTF8.GetBytes("\u0080\u0004") : FakeWorker.Zip(), "a.zip", ("name", "bad"));
        using var response = await host.Client.PostAsync("/models", form, Cancel);
        Assert.Contains(fragment, (string?)(await ApiHost.ProblemAsync(response, 400))["detail"], StringComparison.Ordinal);
        Assert.Empty(host.FilesUnder("").Except(before));
    }

    [Fact]
    public async Task Import_NamesTheField_WhenThereIsNoName()
    {
        using var form = ApiHost.Form(Folder);
        using var response = await host.Client.PostAsync("/models", form, Cancel);
        Assert.NotNull((await ApiHost.ProblemAsync(response, 400))["errors"]!["name"]);
    }

    [Fact]
    public async Task Put_MakesTheModelAndThenMovesIt()
    {
        var (first, second) = (await host.CheckpointAsync(), await host.CheckpointAsync());
        using var made = await host.SendAsync(HttpMethod.Put, "/models/moving", $$"""{"checkpointId": "{{first}}", "description": "Stays."}""");
        await ApiHost.JsonAsync(made, 201);
        using var moved = await host.SendAsync(HttpMethod.Put, "/models/moving", $$"""{"checkpointId": "{{second}}"}""");
        var view = await ApiHost.JsonAsync(moved, 200);
        Assert.Equal(($"{second}", "Stays."), ((string?)view["checkpoint"]!["id"], (string?)view["description"]));
    }

    [Theory]
    [InlineData("/models/Bad%20Name")]
    [InlineData("/models/.hidden")]
    public async Task Put_SaysWhatNamesAreLike_WhenItIsNone(string path)
    {
        using var response = await host.SendAsync(HttpMethod.Put, path, $$"""{"checkpointId": "{{await host.CheckpointAsync()}}"}""");
        Assert.NotNull((await ApiHost.ProblemAsync(response, 400))["errors"]!["name"]);
    }

    [Fact]
    public async Task List_GivesEveryModelOnce_InTheOrderOfNames()
    {
        using var alone = new ApiHost();
        foreach (var name in new[] { "b", "c", "a" })
            await alone.ModelAsync(name);
        var first = await alone.GetJsonAsync("/models?limit=2");
        var second = await alone.GetJsonAsync($"/models?limit=2&cursor={first["nextCursor"]}");
        Assert.Equal(["a", "b", "c"], first["items"]!.AsArray().Concat(second["items"]!.AsArray()).Select(item => (string?)item!["name"]));
        Assert.Null((string?)second["nextCursor"]);
    }

    [Fact]
    public async Task Delete_TakesAnImportedCheckpointWithIt_UnlessItHasAnotherName()
    {
        var checkpoint = await host.ModelAsync("one");
        using var put = await host.SendAsync(HttpMethod.Put, "/models/two", $$"""{"checkpointId": "{{checkpoint}}"}""");
        using var first = await host.SendAsync(HttpMethod.Delete, "/models/one");
        await host.GetJsonAsync($"/checkpoints/{checkpoint}");
        using var second = await host.SendAsync(HttpMethod.Delete, "/models/two");
        using var gone = await host.GetAsync($"/checkpoints/{checkpoint}");
        await ApiHost.ProblemAsync(gone, 404);
        Assert.Empty(host.FilesUnder($"models/{checkpoint}"));
    }

    [Fact]
    public async Task Delete_TakesTheCheckpointWithIt_WhenItsImportEndsWellMeanwhile()
    {
        using var form = ApiHost.Form(Folder, "folder.zip", ("name", "late"));
        using var accepted = await host.Client.PostAsync("/models", form, Cancel);
        await using var db = host.Database();
        var job = (await db.Models.SingleAsync(row => row.Name == "late", Cancel)).JobId;
        await db.Jobs.Where(row => row.Id == job).ExecuteUpdateAsync(row => row.SetProperty(j => j.Status, JobStatus.Running).SetProperty(j => j.LeaseExpiresAt, DateTime.UtcNow.AddHours(1)), Cancel);

        var deletion = host.SendAsync(HttpMethod.Delete, "/models/late");
        await Eventually.BecomesTrueAsync("it is asked to stop", () => db.Jobs.AnyAsync(row => row.Id == job && row.CancelRequested, Cancel));
        var checkpoint = await host.CheckpointAsync();
        await db.Models.Where(row => row.Name == "late").ExecuteUpdateAsync(row => row.SetProperty(m => m.CheckpointId, checkpoint), Cancel);
        await db.Jobs.Where(row => row.Id == job).ExecuteUpdateAsync(row => row.SetProperty(j => j.Status, JobStatus.Succeeded), Cancel);

        using var response = await deletion;
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.False(await db.Checkpoints.AnyAsync(row => row.Id == checkpoint, Cancel));
        Assert.Empty(host.FilesUnder($"models/{checkpoint}"));
    }

    [Fact]
    public async Task Delete_IsRefused_WhileSamplesWaitForIt()
    {
        await host.SamplesAsync(await host.ModelAsync("busy"), JobStatus.Queued);
        using var response = await host.SendAsync(HttpMethod.Delete, "/models/busy");
        await ApiHost.ProblemAsync(response, 409);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("?training=true", true)]
    public async Task Archive_IsTheFolder_StoredAsItIs(string query, bool withTraining)
    {
        var checkpoint = await host.CheckpointAsync();
        using var response = await host.GetAsync($"/checkpoints/{checkpoint}/archive{query}");
        Assert.Equal("application/zip", response.Content.Headers.ContentType?.MediaType);
        using var zip = new ZipArchive(new MemoryStream(await response.Content.ReadAsByteArrayAsync(Cancel)));
        var names = zip.Entries.Select(entry => entry.FullName).ToList();
        Assert.Equal(withTraining, names.Contains("training/state.json"));
        Assert.Contains("model_index.json", names);
        var weights = zip.GetEntry("unet/diffusion_pytorch_model.safetensors")!;
        Assert.Equal(weights.Length, weights.CompressedLength);
        using var reader = new StreamReader(await weights.OpenAsync(Cancel));
        Assert.Equal("weights", await reader.ReadToEndAsync(Cancel));
    }

    [Fact]
    public async Task DeleteCheckpoint_IsRefused_WhenItIsNeeded()
    {
        var named = await host.ModelAsync("keeper");
        var running = await host.CheckpointAsync(await host.RunAsync(JobStatus.Running));
        var sampled = await host.CheckpointAsync();
        await host.SamplesAsync(sampled, JobStatus.Running);
        foreach (var (id, fragment) in new[] { (named, "keeper"), (running, "training run"), (sampled, "Samples") })
        {
            using var response = await host.SendAsync(HttpMethod.Delete, $"/checkpoints/{id}");
            Assert.Contains(fragment, (string?)(await ApiHost.ProblemAsync(response, 409))["detail"], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task DeleteCheckpoint_RemovesItsFiles_WhenNothingNeedsIt()
    {
        var id = await host.CheckpointAsync(await host.RunAsync());
        using var response = await host.SendAsync(HttpMethod.Delete, $"/checkpoints/{id}");
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Empty(host.FilesUnder($"models/{id}"));
    }
}
