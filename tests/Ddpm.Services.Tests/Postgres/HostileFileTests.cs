using System.Globalization;
using System.Text;
using Ddpm.Hostile.Corpus;
using Ddpm.Services.Tests.Running;
using Ddpm.TestSupport;

namespace Ddpm.Services.Tests.Postgres;

/// <summary>What is made to fill memory, sent to the service as anybody could send it.</summary>
[Trait("Category", "services")]
public sealed class HostileFileTests(PostgresFixture postgres) : ServiceTests
{
    private const long MostKib = 1 << 20;

    [Fact]
    public async Task ApiAndWorker_StayBelowAGibibyteAboveIdle_WhateverIsSent()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Peaks of memory are read from /proc.");
        var settings = SplitService.Settings(Folder, await postgres.NameDatabaseAsync());
        settings["Worker__ProgressInterval"] = "00:00:01";
        var (api, worker) = (Start(ServicePrograms.Api, [], settings), Start(ServicePrograms.Worker, [], settings));
        using var client = new DdpmClient(await api.UntilListeningAsync());
        using var metrics = new DdpmClient(await worker.UntilListeningAsync());
        await Eventually.BecomesTrueAsync("the shipped model is there", async () => (await client.GetAsync("/models/faces-32")).Status == 200);
        (await client.PostAsync("/samples", """{"count": 1, "steps": 2}""", ("Prefer", "wait=60"))).RequireStatus(200);
        var idle = (Api: Kib(api, "VmRSS"), Worker: Kib(worker, "VmRSS"));

        List<(string Name, string Path)> accepted = [];
        foreach (var input in HostileCorpus.All.Where(input => input.IsHeavy && input.Kind is InputKind.Archive or InputKind.ModelZip or InputKind.Picture or InputKind.Request))
        {
            var answer = await SendAsync(client, input, accepted.Count);
            Assert.True(answer.Status is 202 or (>= 400 and < 500), $"{input}: {answer.Status} {answer.Text}");
            if (answer.Status == 202)
                accepted.Add(($"{input}", (string)answer.Json(202)["links"]!["self"]!));
        }

        Assert.True(accepted.Count >= 20, $"{accepted.Count}");
        foreach (var (name, path) in accepted)
        {
            var view = await client.UntilAsync(path, $"{name} has ended", view => (string?)view["status"] is "succeeded" or "failed");
            Assert.True((string?)view["status"] == "succeeded" || ((string?)view["error"])?.Length > 0, $"{name}: {view}");
            TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {view["status"]} {view["error"]}");
        }

        var scrape = new Scrape((await metrics.GetAsync("/metrics")).Text);
        foreach (var kind in new[] { "dataset", "model_import", "sampling" })
            Assert.Equal(0, scrape.Value("ddpm_jobs_failures_total", ("kind", kind), ("reason", "unexpected")));
        Assert.False(api.HasExited || worker.HasExited);
        var growth = (Api: Kib(api, "VmHWM") - idle.Api, Worker: Kib(worker, "VmHWM") - idle.Worker);
        TestContext.Current.TestOutputHelper?.WriteLine($"KiB above idle: {growth}, idle: {idle}");
        Assert.True(growth.Api < MostKib && growth.Worker < MostKib, $"{growth}");
    }

    private async Task<Answer> SendAsync(DdpmClient client, HostileInput input, int number)
    {
        var path = Folder.At("input");
        input.Make(path);
        var content = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        File.Delete(path);
        var asked = ("Expect", "100-continue"); // what is too large is refused before it is sent, not while
        return input.Kind switch
        {
            InputKind.Archive => await client.UploadAsync("/datasets", content, [("resolution", "16")]),
            InputKind.ModelZip => await client.UploadAsync("/models", content, [("name", $"m{number}")]),
            InputKind.Picture => await client.PostAsync("/samples", $$"""{"count": 1, "steps": 2, "guide": {"kind": "picture", "strength": 0.5}, "picture": "{{Convert.ToBase64String(content)}}"}""", asked),
            _ => await client.PostAsync("/samples", Encoding.UTF8.GetString(content), asked),
        };
    }

    private static long Kib(RunningProgram program, string name) => long.Parse(
        File.ReadLines($"/proc/{program.ProcessId}/status").First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(':')[1].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
}
