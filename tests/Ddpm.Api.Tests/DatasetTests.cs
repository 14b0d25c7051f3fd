using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Ddpm.Api.Http;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Ddpm.Api.Tests;

public sealed class DatasetTests(ApiHost host) : IClassFixture<ApiHost>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Create_QueuesARow_FromABuiltinSet()
    {
        using var response = await host.PostAsync("/datasets", """{"name": "mine", "source": {"kind": "builtin", "count": 7, "seed": 3}, "resolution": 16}""");
        var view = await ApiHost.JsonAsync(response, 202);
        Assert.Equal("queued", (string?)view["status"]);
        Assert.Equal($"/datasets/{view["id"]}", response.Headers.Location?.ToString());
        await using var db = host.Database();
        var row = await db.Datasets.Include(dataset => dataset.Job).SingleAsync(dataset => dataset.Id == (Guid)view["id"]!, Cancel);
        Assert.Equal(("mine", 16, 7, 3L), (row.Name, row.Spec.Resolution, row.Spec.Source.Count, row.Spec.Source.Seed));
        Assert.Equal((JobKind.Dataset, JobStatus.Queued), (row.Job!.Kind, row.Job.Status));
        await Eventually.BecomesTrueAsync("Hangfire carries it", () => db.Jobs.AnyAsync(job => job.Id == row.JobId && job.DispatchId != null, Cancel));
    }

    [Fact]
    public async Task Create_TakesADirectory_UnderAnAllowedRoot()
    {
        var path = Path.Combine(host.Allowed, "cats");
        using var response = await host.PostAsync("/datasets", new JsonObject { ["source"] = new JsonObject { ["kind"] = "directory", ["path"] = path } }.ToJsonString());
        var view = await ApiHost.JsonAsync(response, 202);
        Assert.Equal("cats", (string?)view["name"]);
        Assert.Equal(path, (string?)view["source"]!["path"]);
    }

    [Fact]
    public async Task Create_TakesADatasetOfTheHub()
    {
        using var response = await host.PostAsync(
            "/datasets", """{"source": {"kind": "huggingface", "repository": "huggan/anime-faces", "revision": "main", "split": "train", "imageColumn": "image"}, "deduplicate": true}""");
        var view = await ApiHost.JsonAsync(response, 202);
        Assert.Equal(("huggan/anime-faces", "huggingface"), ((string?)view["name"], (string?)view["source"]!["kind"]));
        await using var db = host.Database();
        var source = (await db.Datasets.SingleAsync(dataset => dataset.Id == (Guid)view["id"]!, Cancel)).Spec.Source;
        Assert.Equal(
            new DatasetSource { Kind = DatasetSourceKind.Huggingface, Repository = "huggan/anime-faces", Revision = "main", Split = "train", ImageColumn = "image" }, source);
    }

    [Theory]
    [InlineData("""{"kind": "huggingface"}""", "source.repository")]
    [InlineData("""{"kind": "huggingface", "repository": "http://169.254.169.254/"}""", "source.repository")]
    [InlineData("""{"kind": "huggingface", "repository": "a/b", "path": "/"}""", "source.path")]
    [InlineData("""{"kind": "huggingface", "repository": "a/b", "revision": ""}""", "source.revision")]
    [InlineData("""{"kind": "builtin", "split": "train"}""", "source.split")]
    [InlineData("""{"kind": "builtin", "repository": "a/b"}""", "source.repository")]
    public async Task Create_NamesTheField_WhenTheSourceMakesNoSense(string source, string field)
    {
        using var response = await host.PostAsync("/datasets", $$"""{"source": {{source}}}""");
        Assert.NotNull((await ApiHost.ProblemAsync(response, 400))["errors"]![field]);
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("../pictures-too")]
    [InlineData("a/../../secret")]
    public async Task Create_Refuses_WhenADirectoryLeavesTheAllowedRoot(string relative)
    {
        var json = new JsonObject { ["source"] = new JsonObject { ["kind"] = "directory", ["path"] = $"{host.Allowed}/{relative}" } }.ToJsonString();
        using var response = await host.PostAsync("/datasets", json);
        Assert.NotNull((await ApiHost.ProblemAsync(response, 400))["errors"]!["source.path"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Upload_KeepsTheFile_WhateverTheOrderOfItsParts(bool fieldsFirst)
    {
        var zip = FakeWorker.Zip(("a/1.png", FakeWorker.Png), ("b/2.png", FakeWorker.Png));
        using var file = new ByteArrayContent(zip);
        using var form = new MultipartFormDataContent();
        if (!fieldsFirst)
            form.Add(file, "file", "emoji.zip");
        form.Add(new StringContent("16"), "resolution");
        form.Add(new StringContent("true"), "deduplicate");
        form.Add(new StringContent("#ff8800"), "background");
        if (fieldsFirst)
            form.Add(file, "file", "emoji.zip");

        using var response = await host.Client.PostAsync("/datasets", form, Cancel);
        var view = await ApiHost.JsonAsync(response, 202);
        Assert.Equal(("emoji", 16, true, "#ff8800"), ((string?)view["name"], (int)view["resolution"]!, (bool)view["deduplicate"]!, (string?)view["background"]));
        await using var db = host.Database();
        var row = await db.Datasets.SingleAsync(dataset => dataset.Id == (Guid)view["id"]!, Cancel);
        Assert.Equal(DatasetSourceKind.Upload, row.Spec.Source.Kind);
        Assert.Equal(zip, await File.ReadAllBytesAsync(host.Artifacts.PathOf(row.UploadKey!), Cancel));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Upload_TakesATar(bool compressed)
    {
        using var bytes = new MemoryStream();
        await using (var stream = compressed ? (Stream)new GZipStream(bytes, CompressionMode.Compress, leaveOpen: true) : bytes)
        {
            await using var tar = new TarWriter(stream, leaveOpen: true);
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "a/1.png") { DataStream = new MemoryStream(FakeWorker.Png) }, Cancel);
        }

        using var form = ApiHost.Form(bytes.ToArray(), "pictures.tar.gz");
        using var response = await host.Client.PostAsync("/datasets", form, Cancel);
        await ApiHost.JsonAsync(response, 202);
    }

    public static TheoryData<string, string> BadFiles() => new()
    {
        { "text", "neither a zip nor a tar" },
        { "png", "single PNG picture" },
        { "empty", "is empty" },
        { "empty zip", "The zip is empty" },
    };

    [Theory, MemberData(nameof(BadFiles))]
    public async Task Upload_SaysWhatIsWrongAndKeepsNothing_WhenTheFileCannotBecomeADataset(string kind, string fragment)
    {
        var before = host.FilesUnder("").ToHashSet();
        using var form = ApiHost.Form(kind switch
        {
            "text" => Encoding.UTF8.GetBytes("not an archive"),
            "png" => FakeWorker.Png,
            "empty zip" => FakeWorker.Zip(),
            _ => [],
        });
        using var response = await host.Client.PostAsync("/datasets", form, Cancel);
        Assert.Contains(fragment, (string?)(await ApiHost.ProblemAsync(response, 400))["detail"], StringComparison.Ordinal);
        Assert.Empty(host.FilesUnder("").Except(before));
    }

    [Theory]
    [InlineData("resolution", "big", "resolution")]
    [InlineData("resolution", "7", "resolution")]
    [InlineData("source", "x", "source")]
    [InlineData("colour", "red", "colour")]
    [InlineData("deduplicate", "yes", "deduplicate")]
    public async Task Upload_NamesTheFieldAndKeepsNothing_WhenAFieldIsWrong(string name, string value, string field)
    {
        var before = host.FilesUnder("").ToHashSet();
        using var form = ApiHost.Form(FakeWorker.Zip(("1.png", FakeWorker.Png)), "a.zip", (name, value));
        using var response = await host.Client.PostAsync("/datasets", form, Cancel);
        Assert.NotNull((await ApiHost.ProblemAsync(response, 400))["errors"]![field]);
        Assert.Empty(host.FilesUnder("").Except(before));
    }

    [Fact]
    public async Task Upload_SaysWhatIsWrong_WhenTheBoundaryIsTooLong()
    {
        using var content = new ByteArrayContent([]);
        content.Headers.TryAddWithoutValidation("Content-Type", $"multipart/form-data; boundary={new string('b', 4200)}");
        using var response = await host.Client.PostAsync("/datasets", content, Cancel);
        Assert.Contains("boundary", (string?)(await ApiHost.ProblemAsync(response, 400))["detail"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("resolution")]
    [InlineData("unheard-of")]
    public async Task Upload_NamesTheField_WhenItHoldsHalfACharacter(string field)
    {
        using var form = ApiHost.Form(FakeWorker.Zip(("a/1.png", FakeWorker.Png)), "a.zip", (field, """ "\ud800" """.Trim()));
        using var response = await host.Client.PostAsync("/datasets", form, Cancel);
        Assert.Contains(field, (await ApiHost.ProblemAsync(response, 400)).ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upload_CutsALongNameBetweenCharacters()
    {
        using var form = ApiHost.Form(FakeWorker.Zip(("a/1.png", FakeWorker.Png)), $"{new string('a', 199)}\U0001F600.zip", ("resolution", "16"));
        using var response = await host.Client.PostAsync("/datasets", form, Cancel);
        Assert.Equal(new string('a', 199), (string?)(await ApiHost.JsonAsync(response, 202))["name"]);
    }

    [Theory]
    [InlineData(PostgresErrorCodes.UniqueViolation, false)]
    [InlineData(PostgresErrorCodes.DiskFull, false)]
    [InlineData(PostgresErrorCodes.AdminShutdown, true)]
    [InlineData(null, true)]
    public async Task Upload_StaysWhereNobodyKnowsWhetherItsRowWasSaved_AndGoesWhereItWasNot(string? answer, bool stays)
    {
        using var form = ApiHost.Form(FakeWorker.Zip());
        var path = "";
        var request = new DefaultHttpContext().Request;
        (request.ContentType, request.Body) = (form.Headers.ContentType!.ToString(), await form.ReadAsStreamAsync(Cancel));
        using (var upload = await MultipartUpload.ReceiveAsync(request, host.Artifacts, ApiHost.MaxUploadBytes, Cancel))
        {
            var trouble = new DbUpdateException("not saved", answer is null
                ? new NpgsqlException("the connection broke", new IOException())
                : new PostgresException("no", "ERROR", "ERROR", answer));
            Assert.Same(trouble, await Assert.ThrowsAsync<DbUpdateException>(() => upload.KeepIfSavedAsync<int>(() => throw trouble)));
            path = upload.Path;
        }

        Assert.Equal(stays, File.Exists(path));
    }

    [Fact]
    public async Task Upload_SaysHow_WhenThereIsNoFile()
    {
        using var form = new MultipartFormDataContent { { new StringContent("x"), "name" } };
        using var response = await host.Client.PostAsync("/datasets", form, Cancel);
        Assert.Contains("file=@", (string?)(await ApiHost.ProblemAsync(response, 400))["detail"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Upload_Answers413AndKeepsNothing_WhenItIsTooLarge(bool saysItsLength)
    {
        var before = host.FilesUnder("").ToHashSet();
        using var form = ApiHost.Form(new byte[ApiHost.MaxUploadBytes + 1]);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/datasets") { Content = form };
        request.Headers.TransferEncodingChunked = !saysItsLength;
        if (!saysItsLength)
            form.Headers.ContentLength = null;
        using var response = await host.Client.SendAsync(request, Cancel);
        Assert.Contains("Datasets:MaxUploadBytes", (string?)(await ApiHost.ProblemAsync(response, 413))["detail"], StringComparison.Ordinal);
        Assert.Empty(host.FilesUnder("").Except(before));
    }

    [Fact]
    public async Task Upload_AnswersAProblemAndKeepsNothing_WhenTheBodyIsCutOff()
    {
        var before = host.FilesUnder("").ToHashSet();
        using var form = ApiHost.Form(FakeWorker.Zip(("1.png", FakeWorker.Png)));
        var bytes = await form.ReadAsByteArrayAsync(Cancel);
        using var cut = new ByteArrayContent(bytes[..^60]) { Headers = { ContentType = form.Headers.ContentType } };
        using var response = await host.Client.PostAsync("/datasets", cut, Cancel);
        await ApiHost.ProblemAsync(response, 400);
        Assert.Empty(host.FilesUnder("").Except(before));
    }

    [Fact]
    public async Task Upload_MakesOneDatasetAndKeepsOneFile_WhenItIsSentTwiceWithOneKey()
    {
        var zip = FakeWorker.Zip(("1.png", FakeWorker.Png));
        var before = host.FilesUnder("uploads").Count();
        var ids = new List<string?>();
        foreach (var name in new[] { "same", "same", "other" })
        {
            using var form = ApiHost.Form(zip, "a.zip", ("name", name));
            using var request = new HttpRequestMessage(HttpMethod.Post, "/datasets") { Content = form, Headers = { { "Idempotency-Key", "upload-1" } } };
            using var response = await host.Client.SendAsync(request, Cancel);
            if (name == "same")
                ids.Add((string?)(await ApiHost.JsonAsync(response, 202))["id"]);
            else
                await ApiHost.ProblemAsync(response, 422);
        }

        Assert.Equal(ids[0], ids[1]);
        Assert.Equal(before + 1, host.FilesUnder("uploads").Count());
    }

    [Fact]
    public async Task Create_Answers200WithTheFinishedDataset_WhenItEndsWhileTheClientWaits()
    {
        await using var worker = host.Hurry(JobStatus.Failed);
        using var response = await host.PostAsync("/datasets", """{"source": {"kind": "builtin"}}""", ("Prefer", "wait=30"));
        var view = await ApiHost.JsonAsync(response, 200);
        Assert.Equal(("failed", "Out of paint."), ((string?)view["status"], (string?)view["error"]));
        Assert.Equal("wait=30", response.Headers.GetValues("Preference-Applied").Single());
    }

    [Fact]
    public async Task List_GivesEveryDatasetOnce_WhenPagedThrough()
    {
        var made = new List<string>();
        for (var i = 0; i < 5; i++)
            made.Add($"{await host.DatasetAsync()}");
        var seen = new List<string>();
        for (var cursor = ""; ;)
        {
            var page = await host.GetJsonAsync($"/datasets?limit=2{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}");
            seen.AddRange(page["items"]!.AsArray().Select(item => (string)item!["id"]!));
            Assert.InRange(page["items"]!.AsArray().Count, 0, 2);
            if ((string?)page["nextCursor"] is not { } next)
                break;
            cursor = next;
        }

        Assert.Equal(seen.Count, seen.Distinct().Count());
        Assert.Equal(made.AsEnumerable().Reverse(), seen.Where(made.Contains));
    }

    [Fact]
    public async Task Preview_IsAPngThatIsSentOnce()
    {
        var id = await host.DatasetAsync();
        using var first = await host.GetAsync($"/datasets/{id}/preview.png");
        Assert.Equal("image/png", first.Content.Headers.ContentType?.MediaType);
        Assert.Equal(FakeWorker.Png, await first.Content.ReadAsByteArrayAsync(Cancel));
        using var again = await host.GetAsync($"/datasets/{id}/preview.png", ("If-None-Match", first.Headers.ETag!.ToString()));
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
    }

    [Fact]
    public async Task Preview_SaysHowFarItIs_WhenThereIsNone()
    {
        var id = await host.DatasetAsync(JobStatus.Running);
        using var response = await host.GetAsync($"/datasets/{id}/preview.png");
        Assert.Contains("running", (string?)(await ApiHost.ProblemAsync(response, 404))["detail"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(JobStatus.Succeeded)]
    [InlineData(JobStatus.Queued)]
    public async Task Delete_RemovesRowsAndFiles_WhenNothingUsesIt(JobStatus status)
    {
        var id = await host.DatasetAsync(status);
        using var response = await host.SendAsync(HttpMethod.Delete, $"/datasets/{id}");
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Empty(host.FilesUnder($"datasets/{id}"));
        await using var db = host.Database();
        Assert.False(await db.Datasets.AnyAsync(dataset => dataset.Id == id, Cancel));
    }

    [Fact]
    public async Task Delete_IsRefused_WhileATrainingRunNeedsIt()
    {
        var id = await host.DatasetAsync();
        var run = await host.RunAsync(JobStatus.Running, id);
        using var response = await host.SendAsync(HttpMethod.Delete, $"/datasets/{id}");
        Assert.Contains($"{run}", (string?)(await ApiHost.ProblemAsync(response, 409))["detail"], StringComparison.Ordinal);
        using var still = await host.GetAsync($"/datasets/{id}/preview.png");
        Assert.Equal(HttpStatusCode.OK, still.StatusCode);
    }

    [Fact]
    public async Task Delete_HidesItAndLeavesTheRun_WhenTheRunHasEnded()
    {
        var id = await host.DatasetAsync();
        var run = await host.RunAsync(JobStatus.Cancelled, id);
        using var response = await host.SendAsync(HttpMethod.Delete, $"/datasets/{id}");
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        using var gone = await host.GetAsync($"/datasets/{id}");
        await ApiHost.ProblemAsync(gone, 404);
        Assert.Equal($"{id}", (string?)(await host.GetJsonAsync($"/training-runs/{run}"))["datasetId"]);
        using var resume = await host.PostAsync($"/training-runs/{run}/resume");
        Assert.Contains("dataset has been deleted", (string?)(await ApiHost.ProblemAsync(resume, 409))["detail"], StringComparison.Ordinal);
    }
}
