using System.Text.Json.Nodes;
using Ddpm.Engine.Checkpoints;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Fixtures;

/// <summary>One folder of numbers from the reference implementation: <c>case.json</c> says what they are, and nothing else is assumed.</summary>
public sealed class FixtureCase : IDisposable
{
    private readonly Safetensors _tensors;

    public FixtureCase(string folder)
    {
        TorchRuntime.Initialize();
        Folder = folder;
        Json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "case.json")))!;
        _tensors = Safetensors.Open(Path.Combine(folder, "case.safetensors"));
    }

    /// <summary>The folder that <c>DDPM_FIXTURES</c> names, else tests/fixtures.</summary>
    public static string Root => Environment.GetEnvironmentVariable("DDPM_FIXTURES") ?? Path.Combine(AppContext.BaseDirectory, "fixtures");

    public string Folder { get; }

    public JsonNode Json { get; }

    public string UNetFolder => Path.Combine(Folder, Json["model"]!["unet"]!.ToString());

    /// <summary>Names of all cases of a kind. A folder without one, which another set may well be, is no failure.</summary>
    public static IEnumerable<TheoryDataRow<string>> OfKind(params string[] kinds)
    {
        var names = Directory.EnumerateDirectories(Root).Where(folder => kinds.Contains(KindOf(folder))).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToList();
        return names.Count == 0
            ? [new TheoryDataRow<string>("none") { Skip = $"{Root} holds no case of the kind {string.Join(" or ", kinds)}." }]
            : names.Select(name => new TheoryDataRow<string>(name!));
    }

    private static string? KindOf(string folder)
    {
        var about = Path.Combine(folder, "case.json");
        return File.Exists(about) ? JsonNode.Parse(File.ReadAllText(about))!["kind"]!.ToString() : null;
    }

    public static FixtureCase Open(string name) => new(Path.Combine(Root, name));

    public bool Has(string tensor) => _tensors.Contains(tensor);

    public Tensor Tensor(string name) => _tensors.Read(name);

    public IEnumerable<string> TensorsUnder(string prefix) =>
        Json["tensors"]!.AsObject().Select(pair => pair.Key).Where(name => name.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>max |got − expected| ≤ atol, row by row where the case says so, NaN nowhere.</summary>
    /// <param name="expectedName">The tensor it must equal.</param>
    /// <param name="got">Of the same shape.</param>
    /// <param name="from">Rows before this one are not compared.</param>
    public void AssertClose(string expectedName, Tensor got, int from = 0)
    {
        using var scope = NewDisposeScope();
        var about = Json["tensors"]![expectedName]!;
        var expected = Tensor(expectedName).to(ScalarType.Float64);
        Assert.Equal(expected.shape, got.shape);
        var difference = (got.detach().cpu().to(ScalarType.Float64) - expected).abs();
        if (from > 0)
            difference = difference[from..];
        Assert.False(difference.isnan().any().item<bool>(), $"{expectedName}: not a number");
        AssertAtMost(about["atol"]!.GetValue<double>(), difference, expectedName);
        if (about["atol_rows"] is JsonArray rows)
            for (var row = from; row < rows.Count; row++)
                AssertAtMost(rows[row]!.GetValue<double>(), difference[row - from], $"{expectedName}[{row}]");
    }

    public void AssertClose(string expectedName, IReadOnlyCollection<double> got, int from = 0)
    {
        using var values = tensor(got.ToArray(), ScalarType.Float64);
        AssertClose(expectedName, values, from);
    }

    public void Dispose() => _tensors.Dispose();

    private void AssertAtMost(double tolerance, Tensor difference, string name)
    {
        var largest = difference.numel() == 0 ? 0 : difference.max().item<double>();
        ParityTable.Add(Path.GetFileName(Folder), name, largest, tolerance);
        Assert.True(largest <= tolerance, $"{name}: the largest difference is {largest:g3}, the tolerance {tolerance:g3}");
    }
}
