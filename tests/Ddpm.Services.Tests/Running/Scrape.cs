using System.Globalization;
using System.Text.RegularExpressions;

namespace Ddpm.Services.Tests.Running;

/// <summary>An answer of <c>/metrics</c>.</summary>
internal sealed partial class Scrape
{
    // Prometheus itself adds these, and knows this metric.
    private static readonly string[] OfPrometheus = ["job", "instance"];
    private const string Up = "up";

    private readonly List<(string Name, Dictionary<string, string> Labels, double Value)> _samples;

    public Scrape(string text) => _samples =
    [
        .. text.Split('\n').Select(line => Sample().Match(line)).Where(match => match.Success).Select(match => (
            match.Groups["name"].Value,
            Label().Matches(match.Groups["labels"].Value).ToDictionary(label => label.Groups[1].Value, label => label.Groups[2].Value),
            double.Parse(match.Groups["value"].Value.Replace("+Inf", "Infinity", StringComparison.Ordinal), CultureInfo.InvariantCulture))),
    ];

    /// <summary>The value of the only sample of this name and these labels.</summary>
    public double Value(string name, params (string Name, string Value)[] labels) =>
        Assert.Single(_samples, sample => sample.Name == name && labels.All(label => sample.Labels.GetValueOrDefault(label.Name) == label.Value)).Value;

    /// <summary>Every metric that an expression names is there, with the labels that it is chosen and grouped by.</summary>
    public void AssertKnows(string expression)
    {
        Assert.Equal(expression.Count(c => c == '('), expression.Count(c => c == ')'));
        var names = Metric().Matches(Grouping().Replace(Matchers().Replace(expression, ""), "")).Select(match => match.Value).ToHashSet();
        Assert.True(names.Count > 0 && names.Remove(Up) | names.All(IsThere), $"{expression}: {string.Join(", ", names.Where(name => !IsThere(name)))}");
        foreach (var chosen in Matchers().Matches(expression).Where(match => match.Groups[1].Value != Up))
            AssertHas([chosen.Groups[1].Value], LabelName().Matches(chosen.Groups[2].Value).Select(label => label.Groups[1].Value), expression);
        foreach (var grouped in Grouping().Matches(expression).Cast<Match>())
            AssertHas(names, grouped.Groups[1].Value.Split(',').Select(label => label.Trim()), expression);
    }

    private bool IsThere(string name) => _samples.Any(sample => sample.Name == name);

    private void AssertHas(IReadOnlyCollection<string> names, IEnumerable<string> labels, string expression) => Assert.All(labels.Except(OfPrometheus), label =>
        Assert.True(_samples.Any(sample => names.Contains(sample.Name) && sample.Labels.ContainsKey(label)), $"{expression}: {label}"));

    [GeneratedRegex("""^(?<name>[a-zA-Z_]\w*)(?:\{(?<labels>.*)\})? (?<value>\S+)""")]
    private static partial Regex Sample();

    [GeneratedRegex("(\\w+)=\"([^\"]*)\"")]
    private static partial Regex Label();

    [GeneratedRegex(@"\b(?:(?:ddpm|http|dotnet)_\w+|up\b)")]
    private static partial Regex Metric();

    [GeneratedRegex(@"(?<=(\w+))\{([^}]*)\}")]
    private static partial Regex Matchers();

    [GeneratedRegex(@"\bby \(([^)]*)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"(\w+)\s*(?:=~|!=|!~|=)")]
    private static partial Regex LabelName();
}
