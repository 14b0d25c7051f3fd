using System.Net;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Life;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests.Keys;

/// <summary>Whose things are shown, and to whom.</summary>
public sealed class AccountTests(Belongings things) : IClassFixture<Belongings>
{
    private ApiHost Host => things.Host;

    [Theory, InlineData("/datasets"), InlineData("/training-runs"), InlineData("/samples"), InlineData("/evaluations")]
    public async Task Lists_ShowOnlyOnesOwn_AndEverythingToAdmins(string path)
    {
        Assert.NotEmpty(await ItemsAsync(path, things.Alice));
        Assert.NotEmpty(await ItemsAsync(path, things.Admin));
        Assert.Empty(await ItemsAsync(path, await Host.KeyAsync("carol", ApiRole.Submit)));
    }

    [Fact]
    public async Task SharedModels_AreSeenAndUsedByEverybody_AndChangedByAdminsOnly()
    {
        Assert.Equal(["faces-32"], await ItemsAsync("/models", things.Bob, "name"));
        Assert.Equal([Belongings.Model, "faces-32"], await ItemsAsync("/models", things.Alice, "name"));
        using var drawn = await Host.PostAsync("/samples", """{"model": "faces-32"}""", things.Bob);
        Assert.Equal(HttpStatusCode.Accepted, drawn.StatusCode);

        using var deleted = await Host.SendAsync(HttpMethod.Delete, "/models/faces-32", null, things.Bob);
        await ApiHost.ProblemAsync(deleted, 403);
        using var moved = await Host.SendAsync(HttpMethod.Put, "/models/faces-32", $$"""{"checkpointId": "{{await OwnCheckpointAsync("bob")}}"}""", things.Bob);
        await ApiHost.ProblemAsync(moved, 403);
        var checkpoint = (await ApiHost.JsonAsync(await Host.GetAsync("/models/faces-32", things.Bob), 200))["checkpoint"]!["id"]!;
        using var weights = await Host.SendAsync(HttpMethod.Delete, $"/checkpoints/{checkpoint}", null, things.Bob);
        await ApiHost.ProblemAsync(weights, 403);
    }

    [Fact]
    public async Task ANameOfOnesOwn_TakesNoSharedWeightsWithIt()
    {
        var shared = await OwnCheckpointAsync(Account.Shared);
        using var named = await Host.SendAsync(HttpMethod.Put, "/models/bobs-name", $$"""{"checkpointId": "{{shared}}"}""", things.Bob);
        Assert.Equal(HttpStatusCode.Created, named.StatusCode);
        using var deleted = await Host.SendAsync(HttpMethod.Delete, "/models/bobs-name", null, things.Bob);
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using var kept = await Host.GetAsync($"/checkpoints/{shared}", things.Alice);
        Assert.Equal(HttpStatusCode.OK, kept.StatusCode);
    }

    [Fact]
    public async Task AnothersThings_CannotBeReferredTo()
    {
        foreach (var (method, path, body, field) in new[]
                 {
                     ("POST", "/training-runs", $$"""{"datasetId": "{{things.Dataset}}"}""", "datasetId"),
                     ("POST", "/samples", $$"""{"checkpointId": "{{things.Checkpoint}}"}""", "checkpointId"),
                     ("POST", "/samples", $$"""{"trainingRunId": "{{things.Run}}"}""", "trainingRunId"),
                     ("POST", "/samples", $$"""{"model": "{{Belongings.Model}}"}""", "model"),
                     ("POST", "/evaluations", $$"""{"datasetId": "{{things.Dataset}}", "metrics": ["swd"]}""", "datasetId"),
                     ("POST", "/models", $$"""{"name": "mine", "checkpointId": "{{things.Checkpoint}}"}""", "checkpointId"),
                     ("PUT", "/models/mine", $$"""{"checkpointId": "{{things.Checkpoint}}"}""", "checkpointId"),
                 })
        {
            using var response = await Host.SendAsync(new HttpMethod(method), path, body, things.Bob);
            var problem = await ApiHost.ProblemAsync(response, 400);
            Assert.Contains("names no", problem["errors"]![field]!.ToJsonString(), StringComparison.Ordinal);
            Assert.DoesNotContain($"are {Belongings.Model}", problem.ToJsonString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ATakenName_IsRefused_WithoutSayingWhoseItIs()
    {
        var checkpoint = await OwnCheckpointAsync("bob");
        foreach (var (method, path, body) in new[] { ("PUT", $"/models/{Belongings.Model}", $$"""{"checkpointId": "{{checkpoint}}"}"""), ("POST", "/models", $$"""{"name": "{{Belongings.Model}}", "checkpointId": "{{checkpoint}}"}""") })
        {
            using var response = await Host.SendAsync(new HttpMethod(method), path, body, things.Bob);
            var problem = await ApiHost.ProblemAsync(response, 409);
            Assert.DoesNotContain(Belongings.Owner + "\"", problem.ToJsonString(), StringComparison.Ordinal);
            Assert.DoesNotContain(Belongings.Owner + " ", problem.ToJsonString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task WhatIsMade_BelongsToTheKeysAccount_AndAnIdempotencyKeyCountsForItsSender()
    {
        var ids = new List<Guid>();
        foreach (var (key, account) in new[] { (things.Alice, Belongings.Owner), (things.Bob, "bob") })
        {
            for (var attempt = 0; attempt < 2; attempt++)
            {
                using var response = await Host.PostAsync("/samples", """{"seed": 5}""", key, ("Idempotency-Key", "one"));
                ids.Add((Guid)(await ApiHost.JsonAsync(response, 202))["id"]!);
            }

            await using var db = Host.Database();
            var id = ids[^1];
            Assert.Equal(account, await db.SampleBatches.Where(row => row.Id == id).Select(row => row.Job!.Account).SingleAsync(TestContext.Current.CancellationToken));
        }

        Assert.Equal((ids[0], ids[2]), (ids[1], ids[3]));
        Assert.NotEqual(ids[0], ids[2]);
    }

    [Fact]
    public async Task AnAdminsHelp_LeavesThingsTheirOwners()
    {
        var run = await Host.RunAsync(JobStatus.Cancelled, things.Dataset, step: 10);
        await using (var db = Host.Database())
            await db.Jobs.Where(job => job.Account == Account.Local).ExecuteUpdateAsync(job => job.SetProperty(j => j.Account, Belongings.Owner), TestContext.Current.CancellationToken);
        using var resumed = await Host.PostAsync($"/training-runs/{run}/resume", "{}", things.Admin);
        Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        using var seen = await Host.GetAsync($"/training-runs/{run}", things.Alice);
        Assert.Equal(HttpStatusCode.OK, seen.StatusCode);
    }

    [Fact]
    public async Task System_CountsOnesOwn()
    {
        var dora = await Host.KeyAsync("dora", ApiRole.Read);
        var (own, all) = (await ApiHost.JsonAsync(await Host.GetAsync("/system", dora), 200), await ApiHost.JsonAsync(await Host.GetAsync("/system", things.Admin), 200));
        Assert.Equal((0, 0, 1), ((int)own["datasets"]!, (int)own["samples"]!, (int)own["models"]!));
        Assert.True((int)all["datasets"]! > 0 && (int)all["samples"]! > 0);
    }

    [Fact]
    public async Task TheDocumentsExamples_AreTheCallers()
    {
        var open = await ApiHost.JsonAsync(await Host.GetAsync("/openapi/v1.json"), 200);
        Assert.DoesNotContain($"{things.Dataset}", open.ToJsonString(), StringComparison.Ordinal);
        var own = await ApiHost.JsonAsync(await Host.GetAsync("/openapi/v1.json", things.Alice), 200);
        Assert.Contains($"{things.Dataset}", own.ToJsonString(), StringComparison.Ordinal);
        Assert.NotNull(open["components"]!["securitySchemes"]!["key"]);
    }

    private async Task<Guid> OwnCheckpointAsync(string account)
    {
        var id = await Host.CheckpointAsync();
        await using var db = Host.Database();
        await db.Checkpoints.Where(row => row.Id == id).ExecuteUpdateAsync(row => row.SetProperty(c => c.Account, account), TestContext.Current.CancellationToken);
        return id;
    }

    private async Task<IReadOnlyList<string>> ItemsAsync(string path, (string Name, string Value) key, string field = "id")
    {
        using var response = await Host.GetAsync(path, key);
        return [.. (await ApiHost.JsonAsync(response, 200))["items"]!.AsArray().Select(item => (string)item![field]!)];
    }
}
