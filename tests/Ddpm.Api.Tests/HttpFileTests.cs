using System.Text.RegularExpressions;

namespace Ddpm.Api.Tests;

/// <summary><c>docs/ddpm.http</c> beside the API.</summary>
public sealed partial class HttpFileTests(ApiHost host) : IClassFixture<ApiHost>
{
    [Fact]
    public async Task HttpFile_HoldsEveryOperationOfTheDocument_AndNoOther()
    {
        var file = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "ddpm.http"), TestContext.Current.CancellationToken);
        var sent = RequestLine().Matches(file).Select(line => (Method: line.Groups[1].Value, Path: line.Groups[2].Value)).ToHashSet();
        var operations = (await host.GetJsonAsync("/openapi/v1.json"))["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject().Select(operation => (Method: operation.Key.ToUpperInvariant(), Path: path.Key))).ToList();
        Assert.DoesNotContain(operations, operation => !sent.Any(call => IsFor(operation, call)));
        Assert.DoesNotContain(sent, call => call.Path != "/openapi/v1.json" && !operations.Any(operation => IsFor(operation, call)));
    }

    private static bool IsFor((string Method, string Path) operation, (string Method, string Path) call) => operation.Method == call.Method
        && Regex.IsMatch(call.Path, $"^{string.Join("[^/]+", Parameter().Split(operation.Path.TrimEnd('/')).Select(Regex.Escape))}$");

    [GeneratedRegex(@"^([A-Z]+) \{\{url\}\}([^?\s]*)", RegexOptions.Multiline)]
    private static partial Regex RequestLine();

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
