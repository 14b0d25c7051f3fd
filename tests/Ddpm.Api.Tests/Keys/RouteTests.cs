using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Ddpm.Api.Keys;
using Ddpm.Jobs.Accounts;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Ddpm.Api.Tests.Keys;

/// <summary>Every route there is, asked by somebody who must not get what they ask for. A new endpoint is among them without a word here.</summary>
public sealed partial class RouteTests(Belongings things) : IClassFixture<Belongings>
{
    /// <summary>What anybody may ask for; whoever adds to it has thought about that.</summary>
    private static readonly HashSet<string> OpenToAll =
    [
        "GET /", "GET /app.css", "GET /app.js", "GET /favicon.svg", "GET /healthz/live", "GET /healthz/ready", "GET /openapi/{documentName}.json", "HEAD /openapi/{documentName}.json", "POST /session/", "DELETE /session/",
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EveryRoute_AnswersWithoutAKey_OnlyWhereItIsOpenToAll()
    {
        var open = new HashSet<string>();
        foreach (var (name, method, path) in Routes())
        {
            using var response = await things.Host.SendAsync(method, path, Body(method));
            if (response.StatusCode == HttpStatusCode.Unauthorized && !name.Contains("/session/", StringComparison.Ordinal))
            {
                await ApiHost.ProblemAsync(response, 401);
                Assert.Equal("Bearer", response.Headers.WwwAuthenticate.Single().Scheme);
            }
            else if (name != "GET /session/")
            {
                open.Add(name);
            }
        }

        Assert.Equal(OpenToAll.Order(), open.Order());
    }

    [Fact]
    public async Task EveryRouteThatChangesSomething_IsForbidden_ToAKeyThatMayRead()
    {
        var seen = 0;
        foreach (var (name, method, path) in Routes().Where(route => route.Method != HttpMethod.Get && route.Method != HttpMethod.Head && !OpenToAll.Contains(route.Name) && !route.Name.Contains("/hangfire", StringComparison.Ordinal)))
        {
            using var response = await things.Host.SendAsync(method, path, Body(method), things.Reader);
            var problem = await ApiHost.ProblemAsync(response, 403);
            Assert.True(((string)problem["detail"]!).Contains("role submit", StringComparison.Ordinal), name);
            seen++;
        }

        Assert.True(seen >= 14, $"{seen}");
    }

    [Fact]
    public async Task EveryRouteOfOneThing_SaysToAnotherAccount_ThatItIsNotThere()
    {
        var seen = 0;
        foreach (var (name, method, path) in Routes().Where(route => route.Name.Contains("{id:guid}", StringComparison.Ordinal) || (route.Name.Contains("{name}", StringComparison.Ordinal) && route.Method != HttpMethod.Put)))
        {
            using var response = await things.Host.SendAsync(method, path, Body(method), things.Bob);
            var (status, text) = (response.StatusCode, await response.Content.ReadAsStringAsync(Cancel));
            Assert.True(status == HttpStatusCode.NotFound, $"{name}: {status} {text}");

            // As of something that was never there.
            var (elsewhere, other) = (Guid.CreateVersion7(), "nobodys-model");
            using var nothing = await things.Host.SendAsync(method, AnyId().Replace(path, $"{elsewhere}").Replace(Belongings.Model, other, StringComparison.Ordinal), Body(method), things.Bob);
            Assert.Equal(
                Anonymised((await nothing.Content.ReadAsStringAsync(Cancel)).Replace(other, Belongings.Model, StringComparison.Ordinal)),
                Anonymised(text));
            seen++;
        }

        Assert.True(seen >= 28, $"{seen}");
    }

    [Fact]
    public async Task EveryRouteThatReadsOneThing_ShowsIt_ToItsOwnerAndToAdmins()
    {
        foreach (var (name, method, path) in Routes().Where(route => route.Method == HttpMethod.Get && route.Name.Contains('{', StringComparison.Ordinal) && !route.Name.Contains("**", StringComparison.Ordinal)))
        {
            foreach (var key in new[] { things.Alice, things.Reader, things.Admin })
            {
                using var response = await things.Host.SendAsync(method, path, null, key);
                Assert.True(response.StatusCode == HttpStatusCode.OK, $"{name}: {response.StatusCode}");
            }
        }
    }

    [Fact]
    public async Task TheDashboard_IsForAdmins()
    {
        using var refused = await things.Host.GetAsync("/hangfire", things.Alice);
        Assert.Contains("role admin", (string)(await ApiHost.ProblemAsync(refused, 403))["detail"]!, StringComparison.Ordinal);
        using var shown = await things.Host.GetAsync("/hangfire", things.Admin);
        Assert.Equal(HttpStatusCode.OK, shown.StatusCode);
        Assert.Contains("script-src 'self'", shown.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatIsNotThere_IsNotThere_ForWhomeverMayComeIn()
    {
        using var stranger = await things.Host.GetAsync("/nothing");
        await ApiHost.ProblemAsync(stranger, 401);
        using var reader = await things.Host.GetAsync("/nothing", things.Reader);
        await ApiHost.ProblemAsync(reader, 404);
        using var method = await things.Host.SendAsync(HttpMethod.Patch, "/samples", null, things.Reader);
        await ApiHost.ProblemAsync(method, 405);
    }

    [Fact]
    public void AnEndpointThatSaysNothingOfRoles_IsClosed_ToAllButAdmins() =>
        Assert.Equal(ApiRole.Admin, Roles.NeededFor(new RouteEndpoint(_ => Task.CompletedTask, RoutePatternFactory.Parse("/new"), 0, EndpointMetadataCollection.Empty, "new")));

    private List<(string Name, HttpMethod Method, string Path)> Routes() =>
    [
        .. from endpoint in things.Host.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
           let pattern = "/" + endpoint.RoutePattern.RawText!.TrimStart('/')
           from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]
           select ($"{method} {pattern}", new HttpMethod(method), PathOf(pattern)),
    ];

    private string PathOf(string pattern)
    {
        var id = pattern.Trim('/').Split('/')[0] switch
        {
            "datasets" => things.Dataset,
            "training-runs" => things.Run,
            "checkpoints" => things.Checkpoint,
            "samples" => things.Samples,
            "evaluations" => things.Evaluation,
            _ => Guid.Empty,
        };
        return Parameter().Replace(pattern, match => match.Groups[1].Value switch
        {
            "id" => $"{id}",
            "name" => Belongings.Model,
            "step" => Belongings.PreviewStep.ToString(CultureInfo.InvariantCulture),
            "n" => "0",
            "documentName" => "v1",
            _ => "",
        });
    }

    private static string? Body(HttpMethod method) => method == HttpMethod.Get || method == HttpMethod.Delete ? null : "{}";

    private static string Anonymised(string text) => TraceId().Replace(AnyId().Replace(text, "ID"), "");

    [GeneratedRegex(@"\{\**(\w+)[^}]*\}")]
    private static partial Regex Parameter();

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex AnyId();

    [GeneratedRegex("""
        "traceId":"[^"]*"
        """)]
    private static partial Regex TraceId();
}
