using System.Net.Http.Headers;
using System.Text;
using Ddpm.Jobs.Life;

namespace Ddpm.Api.Tests;

public sealed class BadRequestTests(ApiHost host) : IClassFixture<ApiHost>
{
    private const string Faces = """ "source": {"kind": "builtin"} """;

    [Theory]
    [InlineData("/datasets", "{}", "source", "is required")]
    [InlineData("/datasets", "{" + Faces + """, "resolution": 7}""", "resolution", "from 8 to 512; it is 7")]
    [InlineData("/datasets", "{" + Faces + """, "resolution": 99999999999999999999}""", "resolution", "from 8 to 512")]
    [InlineData("/datasets", "{" + Faces + """, "resolution": 32.5}""", "resolution", "whole number")]
    [InlineData("/datasets", "{" + Faces + """, "resolution": "32"}""", "resolution", "whole number")]
    [InlineData("/datasets", "{" + Faces + """, "resolution": null}""", "resolution", "must not be null")]
    [InlineData("/datasets", "{" + Faces + """, "channels": 2}""", "channels", "1 (grey) or 3 (colour)")]
    [InlineData("/datasets", "{" + Faces + """, "background": "red"}""", "background", "#rrggbb")]
    [InlineData("/datasets", "{" + Faces + """, "deduplicate": 1}""", "deduplicate", "true or false")]
    [InlineData("/datasets", "{" + Faces + """, "name": ""}""", "name", "from 1 to 200 characters; it has 0")]
    [InlineData("/datasets", "{" + Faces + """, "name": "a\u0000b"}""", "name", "NUL")]
    [InlineData("/datasets", "{" + Faces + """, "Resolution": 32}""", "Resolution", "the fields are")]
    [InlineData("/datasets", """{"source": []}""", "source", "an object")]
    [InlineData("/datasets", """{"source": {"kind": "s3"}}""", "source.kind", "directory, huggingface or builtin")]
    [InlineData("/datasets", """{"source": {"kind": "upload"}}""", "source.kind", "multipart/form-data")]
    [InlineData("/datasets", """{"source": {"kind": "builtin", "url": "x"}}""", "source.url", "kind, path, repository, revision, split, imageColumn, labelColumn, name, count, seed")]
    [InlineData("/datasets", """{"source": {"kind": "builtin", "name": "cats"}}""", "source.name", "faces")]
    [InlineData("/datasets", """{"source": {"kind": "builtin", "path": "/etc"}}""", "source.path", "directory")]
    [InlineData("/datasets", """{"source": {"kind": "builtin", "count": 1000000}, "resolution": 512}""", "source.count", "GiB")]
    [InlineData("/datasets", """{"source": {"kind": "directory"}}""", "source.path", "is required")]
    [InlineData("/datasets", """{"source": {"kind": "directory", "path": "/etc"}}""", "source.path", "Datasets:AllowedRoots")]
    [InlineData("/samples", """{"sampler": "pndm"}""", "sampler", "heun or unipc")]
    [InlineData("/samples", """{"count": "x"}""", "count", "whole number")]
    [InlineData("/samples", """{"count": 0}""", "count", "from 1 to 256; it is 0")]
    [InlineData("/samples", """{"steps": 1000000000}""", "steps", "from 1 to 10000")]
    [InlineData("/samples", """{"seed": -1}""", "seed", "from 0 to")]
    [InlineData("/samples", """{"eta": 1e999, "sampler": "ddim"}""", "eta", "must be a number")]
    [InlineData("/samples", """{"sampler": "ddpm", "eta": 0.5}""", "eta", "ddim")]
    [InlineData("/samples", """{"sampler": "euler", "order": 2}""", "order", "unipc")]
    [InlineData("/samples", """{"order": 4}""", "order", "from 1 to 3")]
    [InlineData("/samples", """{"sampler": "ddim", "karras": true}""", "karras", "left out")]
    [InlineData("/samples", """{"timesteps": [10, 20]}""", "timesteps", "fall")]
    [InlineData("/samples", """{"timesteps": [20, 10], "steps": 2}""", "timesteps", "choose one")]
    [InlineData("/samples", """{"count": 3, "classLabels": [0, 1]}""", "classLabels", "each of the 3")]
    [InlineData("/samples", """{"guidanceScale": -1}""", "guidanceScale", "from 0 to 100")]
    [InlineData("/samples", """{"timestepSpacing": "random"}""", "timestepSpacing", "leading, trailing, linspace or quadratic")]
    [InlineData("/samples", """{"precision": "float64"}""", "precision", "float32, tfloat32, bfloat16 or float16")]
    [InlineData("/samples", """{"count": 10, "rows": 2, "columns": 4}""", "rows", "holds 8")]
    [InlineData("/samples", """{"count": 4, "rows": 4, "columns": 4}""", "rows", "row empty")]
    [InlineData("/samples", """{"count": 2, "columns": 256}""", "columns", "not be more")]
    [InlineData("/samples", """{"model": "nope"}""", "model", "names no model")]
    [InlineData("/samples", """{"checkpointId": "x"}""", "checkpointId", "UUID")]
    [InlineData("/samples", """{"checkpointId": "01900000-0000-7000-8000-000000000000"}""", "checkpointId", "names no checkpoint")]
    [InlineData("/samples", """{"trainingRunId": "01900000-0000-7000-8000-000000000000"}""", "trainingRunId", "names no training run")]
    [InlineData("/samples", """{"model": "a", "checkpointId": "01900000-0000-7000-8000-000000000000"}""", "checkpointId", "choose one")]
    [InlineData("/samples", """{"picture": "iVBORw0KGgo="}""", "picture", "needs a guide")]
    [InlineData("/samples", """{"guide": {"kind": "picture"}}""", "picture", "is required")]
    [InlineData("/samples", """{"guide": {"kind": "picture"}, "picture": "not base64"}""", "picture", "base64 in quotes")]
    [InlineData("/samples", """{"guide": {"kind": "picture"}, "picture": [137, 80]}""", "picture", "base64 in quotes")]
    [InlineData("/samples", """{"guide": {"kind": "picture"}, "picture": "bm8gcGljdHVyZQ=="}""", "picture", "PNG, JPEG, WebP, GIF or BMP")]
    [InlineData("/samples", """{"guide": {"kind": "picture"}, "picture": "iVBORw0KGgo=", "mask": "iVBORw0KGgo="}""", "mask", "does not belong")]
    [InlineData("/samples", """{"guide": {"kind": "picture", "strength": 1.5}, "picture": "iVBORw0KGgo="}""", "guide.strength", "from 0 to 1")]
    [InlineData("/samples", """{"guide": {"kind": "picture", "toSeed": 1}, "picture": "iVBORw0KGgo="}""", "guide.toSeed", "does not belong")]
    [InlineData("/samples", """{"guide": {"strength": 0.5}}""", "guide.kind", "is required")]
    [InlineData("/samples", """{"guide": {"kind": "paint"}}""", "guide.kind", "picture, inpaint, interpolate")]
    [InlineData("/samples", """{"guide": {"kind": "inpaint"}, "picture": "iVBORw0KGgo="}""", "mask", "is required")]
    [InlineData("/samples", """{"guide": {"kind": "inpaint", "jumpLength": 0}}""", "guide.jumpLength", "from 1 to 1000")]
    [InlineData("/samples", """{"guide": {"kind": "inpaint", "strength": 0.5}, "picture": "iVBORw0KGgo=", "mask": "iVBORw0KGgo="}""", "guide.strength", "does not belong")]
    [InlineData("/samples", """{"guide": {"kind": "interpolate"}, "picture": "iVBORw0KGgo="}""", "toPicture", "without toSeed")]
    [InlineData("/samples", """{"guide": {"kind": "interpolate", "toSeed": 1}, "picture": "iVBORw0KGgo="}""", "picture", "with toSeed")]
    [InlineData("/samples", """{"guide": {"kind": "interpolate", "toSeed": -1}}""", "guide.toSeed", "from 0 to")]
    [InlineData("/samples", """{"guide": {"kind": "interpolate", "toSeed": 1, "resamplings": 2}}""", "guide.resamplings", "does not belong")]
    [InlineData("/samples", """{"trajectory": "yes"}""", "trajectory", "true or false")]
    [InlineData("/training-runs", "{}", "datasetId", "is required")]
    [InlineData("/training-runs", """{"datasetId": null}""", "datasetId", "is required")]
    [InlineData("/training-runs", """{"datasetId": "01900000-0000-7000-8000-000000000000"}""", "datasetId", "names no dataset")]
    [InlineData("/models", """{"name": "Bad Name", "checkpointId": "01900000-0000-7000-8000-000000000000"}""", "name", "lower-case")]
    [InlineData("/models", """{"name": "good", "checkpointId": "01900000-0000-7000-8000-000000000000"}""", "checkpointId", "names no checkpoint")]
    public async Task Post_NamesTheFieldAndWhatItMustBe_WhenAFieldIsWrong(string path, string json, string field, string fragment)
    {
        using var response = await host.PostAsync(path, json);
        var problem = await ApiHost.ProblemAsync(response, 400);
        var message = (string?)problem["errors"]?[field]?[0];
        Assert.True(message is not null, problem.ToJsonString());
        Assert.Contains(fragment, message, StringComparison.Ordinal);
        Assert.Contains(field, (string?)problem["detail"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(""" "training": {"epochs": 0} """, "training.epochs", "from 1 to 100000; it is 0")]
    [InlineData(""" "training": {"steps": 1000000000} """, "training.steps", "from 1 to 100000000")]
    [InlineData(""" "training": {"learningRate": "fast"} """, "training.learningRate", "must be a number")]
    [InlineData(""" "training": null """, "training", "must not be null")]
    [InlineData(""" "training": {"speed": 1} """, "training.speed", "epochs")]
    [InlineData(""" "schedule": {"betaStart": 0.3, "betaEnd": 0.2} """, "schedule.betaStart", "betaEnd")]
    [InlineData(""" "schedule": {"betaEnd": 0.5} """, "schedule.betaEnd", "smaller")]
    [InlineData(""" "schedule": {"timesteps": 10000} """, "schedule.betaEnd", "timesteps")]
    [InlineData(""" "schedule": {"rescaleBetasZeroSnr": true} """, "schedule.predictionType", "v_prediction or sample")]
    [InlineData(""" "schedule": {"betaSchedule": "cosine"} """, "schedule.betaSchedule", "squaredcos_cap_v2")]
    [InlineData(""" "schedule": {"predictionType": "v"} """, "schedule.predictionType", "epsilon, sample or v_prediction")]
    [InlineData(""" "network": {"classConditional": true} """, "network.classConditional", "has none")]
    [InlineData(""" "training": {"labelDropout": 0.2} """, "training.labelDropout", "network.classConditional")]
    [InlineData(""" "network": {"classConditional": true}, "training": {"labelDropout": 1.5} """, "training.labelDropout", "from 0 to 1; it is 1.5")]
    [InlineData(""" "training": {"precision": "float8"} """, "training.precision", "float32, bfloat16 or float16")]
    [InlineData(""" "training": {"lossWeighting": "snr"} """, "training.lossWeighting", "uniform, min_snr or p2")]
    [InlineData(""" "training": {"maxSeconds": 0} """, "training.maxSeconds", "from 1 to 31536000; it is 0")]
    [InlineData(""" "network": {"blockOutChannels": []} """, "network.blockOutChannels", "from 1 to 8 elements; it has 0")]
    [InlineData(""" "network": {"blockOutChannels": [99999999999]} """, "network.blockOutChannels[0]", "must be from")]
    [InlineData(""" "network": {"blockOutChannels": [null]} """, "network.blockOutChannels[0]", "whole number")]
    [InlineData(""" "network": {"blockOutChannels": [33]} """, "network.blockOutChannels[0]", "normNumGroups (32)")]
    [InlineData(""" "network": {"blockOutChannels": [4096]} """, "network.blockOutChannels[0]", "from 1 to 2048")]
    [InlineData(""" "network": {"blockOutChannels": [32, 64], "downBlockTypes": ["DownBlock2D"]} """, "network.downBlockTypes", "2 blockOutChannels")]
    [InlineData(""" "network": {"blockOutChannels": [32], "upBlockTypes": ["Up"]} """, "network.upBlockTypes[0]", "AttnUpBlock2D")]
    [InlineData(""" "network": {"blockOutChannels": [32, 64], "attentionHeadDim": 48} """, "network.attentionHeadDim", "does not divide")]
    public async Task CreateTrainingRun_NamesTheFieldAndWhatItMustBe_WhenAFieldIsWrong(string fields, string field, string fragment)
    {
        var dataset = await host.DatasetAsync();
        using var response = await host.PostAsync("/training-runs", $$"""{"datasetId": "{{dataset}}", {{fields}}}""");
        var problem = await ApiHost.ProblemAsync(response, 400);
        Assert.Contains(fragment, (string?)problem["errors"]?[field]?[0] ?? problem.ToJsonString(), StringComparison.Ordinal);
        Assert.NotNull(problem["errors"]?[field]);
    }

    [Fact]
    public async Task CreateTrainingRun_SaysWhichLevelsFit_WhenTheDefaultNetworkIsTooDeepForThePictures()
    {
        var dataset = await host.DatasetAsync(resolution: 8, name: "tiny");
        using var response = await host.PostAsync("/training-runs", $$"""{"datasetId": "{{dataset}}"}""");
        var problem = await ApiHost.ProblemAsync(response, 400);
        var message = (string?)problem["errors"]!["network.blockOutChannels"]![0];
        Assert.Contains("multiple of 32", message, StringComparison.Ordinal);
        Assert.Contains("'tiny' are 8 pixels", message, StringComparison.Ordinal);
        Assert.Contains("at most 4 levels", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(JobStatus.Queued, "still being built")]
    [InlineData(JobStatus.Running, "still being built")]
    [InlineData(JobStatus.Failed, "Out of paint.")]
    [InlineData(JobStatus.Cancelled, "cancelled")]
    public async Task CreateTrainingRun_SaysWhatToDo_WhenTheDatasetIsNotThere(JobStatus status, string fragment)
    {
        var dataset = await host.DatasetAsync(status);
        using var response = await host.PostAsync("/training-runs", $$"""{"datasetId": "{{dataset}}"}""");
        var problem = await ApiHost.ProblemAsync(response, 409);
        Assert.Contains(fragment, (string?)problem["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_ReportsEveryFault_WhenThereAreSeveral()
    {
        using var response = await host.PostAsync("/samples", """{"count": 0, "sampler": "pndm", "colour": "red", "seed": "x"}""");
        var errors = (await ApiHost.ProblemAsync(response, 400))["errors"]!.AsObject();
        Assert.Equal(["colour", "count", "sampler", "seed"], errors.Select(error => error.Key).Order());
    }

    [Theory]
    [InlineData("""{"count": 1""", "line 1")]
    [InlineData("{\n  \"count\": 1,,\n}", "line 2")]
    [InlineData("""{"count": 1, "count": 2}""", "Duplicate")]
    [InlineData("""{"model": "\ud800"}""", "not a character")]
    [InlineData("[1, 2]", "JSON object")]
    [InlineData("null", "JSON object")]
    [InlineData("nonsense", "line 1")]
    public async Task Post_SaysWhere_WhenTheBodyIsNotTheJsonItShouldBe(string json, string fragment)
    {
        using var response = await host.PostAsync("/samples", json);
        var problem = await ApiHost.ProblemAsync(response, 400);
        Assert.Contains(fragment, (string?)problem["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_Refuses_WhenTheJsonIsVeryDeep()
    {
        using var response = await host.PostAsync("/samples", string.Concat(Enumerable.Repeat("{\"a\":", 500)) + "1" + new string('}', 500));
        Assert.Contains("depth", (string?)(await ApiHost.ProblemAsync(response, 400))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_Refuses_WhenTheBodyIsNotUtf8()
    {
        using var content = new ByteArrayContent([(byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)':', (byte)'1', (byte)'}']) { Headers = { ContentType = new("application/json") } };
        using var response = await host.Client.PostAsync("/samples", content, TestContext.Current.CancellationToken);
        Assert.Contains("UTF-8", (string?)(await ApiHost.ProblemAsync(response, 400))["detail"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/samples", "text/plain", "application/json")]
    [InlineData("/samples", "application/x-www-form-urlencoded", "application/json")]
    [InlineData("/samples", "application/json; charset=utf-16", "application/json")]
    [InlineData("/datasets", "text/plain", "multipart/form-data")]
    [InlineData("/models", "application/xml", "multipart/form-data")]
    public async Task Post_ListsWhatItTakes_WhenTheContentTypeIsAnother(string path, string contentType, string accepted)
    {
        using var content = new ByteArrayContent("{}"u8.ToArray()) { Headers = { ContentType = MediaTypeHeaderValue.Parse(contentType) } };
        using var response = await host.Client.PostAsync(path, content, TestContext.Current.CancellationToken);
        Assert.Contains(accepted, (string?)(await ApiHost.ProblemAsync(response, 415))["detail"], StringComparison.Ordinal);
    }

    [Theory, InlineData("/training-runs", 1 << 20), InlineData("/samples", 6 << 20)] // samples may bring pictures
    public async Task Post_Answers413_WhenTheJsonIsTooLarge(string path, int most)
    {
        using var content = new StringContent($$"""{"name": "{{new string('x', most)}}"}""", Encoding.UTF8, "application/json");
        using var response = await host.Client.PostAsync(path, content, TestContext.Current.CancellationToken);
        Assert.Contains($"at most {most} bytes", (string?)(await ApiHost.ProblemAsync(response, 413))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_NamesThePicture_WhenItIsTooLarge()
    {
        var picture = new byte[(2 << 20) + 1];
        FakeWorker.Png.CopyTo(picture, 0);
        using var response = await host.PostAsync("/samples", $$"""{"guide": {"kind": "picture"}, "picture": "{{Convert.ToBase64String(picture)}}"}""");
        Assert.Contains("at most 2097152 bytes; it has 2097153", (string?)(await ApiHost.ProblemAsync(response, 400))["errors"]!["picture"]![0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/nope", 404)]
    [InlineData("GET", "/datasets/not-an-id", 404)]
    [InlineData("GET", "/datasets/01900000-0000-7000-8000-000000000000", 404)]
    [InlineData("GET", "/training-runs/01900000-0000-7000-8000-000000000000", 404)]
    [InlineData("GET", "/training-runs/01900000-0000-7000-8000-000000000000/events", 404)]
    [InlineData("GET", "/training-runs/01900000-0000-7000-8000-000000000000/metrics", 404)]
    [InlineData("GET", "/training-runs/01900000-0000-7000-8000-000000000000/previews/99999999999999999999.png", 404)]
    [InlineData("GET", "/checkpoints/01900000-0000-7000-8000-000000000000/archive", 404)]
    [InlineData("GET", "/samples/01900000-0000-7000-8000-000000000000/grid.png", 404)]
    [InlineData("POST", "/samples/01900000-0000-7000-8000-000000000000/cancel", 404)]
    [InlineData("GET", "/models/nope", 404)]
    [InlineData("DELETE", "/models/nope", 404)]
    [InlineData("PATCH", "/datasets", 405)]
    [InlineData("DELETE", "/training-runs", 405)]
    public async Task Request_AnswersAProblem_WhenThereIsNothingThere(string method, string path, int status)
    {
        using var response = await host.SendAsync(new HttpMethod(method), path);
        Assert.False(string.IsNullOrEmpty((string?)(await ApiHost.ProblemAsync(response, status))["detail"]));
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1000", "limit")]
    [InlineData("limit=ten", "limit")]
    [InlineData("cursor=elsewhere", "cursor")]
    public async Task List_NamesTheParameter_WhenItIsWrong(string query, string field)
    {
        using var response = await host.GetAsync($"/datasets?{query}");
        Assert.NotNull((await ApiHost.ProblemAsync(response, 400))["errors"]![field]);
    }

    [Fact]
    public async Task Post_Refuses_WhenAnotherWebSiteSendsItThroughABrowser()
    {
        using var response = await host.PostAsync("/samples", null, ("Sec-Fetch-Site", "cross-site"));
        await ApiHost.ProblemAsync(response, 403);
    }

    [Fact]
    public async Task Request_AnswersProblemJson_WhenTheClientAcceptsOnlyPictures()
    {
        using var response = await host.PostAsync("/samples", """{"count": 0}""", ("Accept", "image/png"));
        await ApiHost.ProblemAsync(response, 400);
    }
}
