using Ddpm.Hostile.Corpus;

namespace Ddpm.Api.Tests;

/// <summary>What others make to do harm, sent over HTTP: no answer is a 500, and every refusal is a problem with a sentence.</summary>
public sealed class HostileInputTests(ApiHost host) : IClassFixture<ApiHost>
{
    public static TheoryData<string> Names => [.. Chosen.Select(input => $"{input}")];

    private static IEnumerable<HostileInput> Chosen =>
        HostileCorpus.All.Where(input => !input.IsHeavy && input.Kind is InputKind.Archive or InputKind.ModelZip or InputKind.Request);

    [Theory, MemberData(nameof(Names))]
    public async Task Post_AcceptsOrAnswersAProblem(string name)
    {
        var input = Chosen.Single(input => $"{input}" == name);
        var folder = Directory.CreateTempSubdirectory("ddpm-hostile-").FullName;
        try
        {
            input.Make(Path.Combine(folder, "input"));
            using var response = await SendAsync(input.Kind, await File.ReadAllBytesAsync(Path.Combine(folder, "input"), TestContext.Current.CancellationToken));
            if (!response.IsSuccessStatusCode)
            {
                Assert.InRange((int)response.StatusCode, 400, 499);
                var problem = await ApiHost.ProblemAsync(response, (int)response.StatusCode);
                Assert.InRange(problem.ToJsonString().Length, 30, 100_000);
                Assert.False(string.IsNullOrEmpty((string?)problem["detail"]));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(InputKind kind, byte[] content)
    {
        using HttpContent body = kind switch
        {
            InputKind.Request => new ByteArrayContent(content) { Headers = { ContentType = new("application/json") } },
            InputKind.ModelZip => ApiHost.Form(content, "model.zip", ("name", $"m{Guid.NewGuid():N}")),
            _ => ApiHost.Form(content),
        };
        return await host.Client.PostAsync(kind switch { InputKind.Request => "/samples", InputKind.ModelZip => "/models", _ => "/datasets" }, body, TestContext.Current.CancellationToken);
    }
}
