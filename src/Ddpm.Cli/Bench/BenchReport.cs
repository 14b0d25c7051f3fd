namespace Ddpm.Cli.Bench;

/// <summary>What was measured, on what.</summary>
internal sealed record BenchReport(
    BenchMachine Machine, BenchVersions Versions, int Threads, DateTimeOffset Date, IReadOnlyList<Measure> Measures, IReadOnlyList<Ratio> Ratios, IReadOnlyList<Check> Checks)
{
    /// <summary>What else there is to know, a sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>A report of this machine.</summary>
    public static BenchReport Of(IReadOnlyList<Measure> measures, IReadOnlyList<Ratio>? ratios = null, IReadOnlyList<Check>? checks = null) =>
        new(BenchMachine.This, BenchVersions.This, TorchSharp.torch.get_num_threads(), TimeProvider.System.GetUtcNow(), measures, ratios ?? [], checks ?? []);

    /// <summary>The same, whose results all say what they are of; what is null is left as it is.</summary>
    public BenchReport About(string network, int? batch = null, string? precision = null)
    {
        return this with { Measures = [.. Measures.Select(Mark)], Ratios = [.. Ratios.Select(Mark)], Checks = [.. Checks.Select(Mark)] };

        T Mark<T>(T one)
            where T : Subject =>
            (T)((Subject)one with { Network = network, Batch = batch ?? one.Batch, Precision = precision ?? one.Precision });
    }

    /// <summary>Several reports as one; at least one.</summary>
    public static BenchReport Join(IReadOnlyList<BenchReport> reports) => reports[0] with
    {
        Measures = [.. reports.SelectMany(report => report.Measures)],
        Ratios = [.. reports.SelectMany(report => report.Ratios)],
        Checks = [.. reports.SelectMany(report => report.Checks)],
        Notes = [.. reports.SelectMany(report => report.Notes).Distinct()],
    };
}

/// <summary>What all three kinds of result say of themselves; null where it does not apply.</summary>
internal abstract record Subject(string Name)
{
    public string? Network { get; init; }
    public int? Batch { get; init; }
    public string? Precision { get; init; }
}

/// <summary>A quantity that was measured several times.</summary>
internal sealed record Measure(string Name, string Unit, Spread Value) : Subject(Name)
{
    public static Measure Of(string name, string unit, params IReadOnlyList<double> values) => new(name, unit, Spread.Of(values));
}

/// <summary>How many times faster, or smaller, one thing is than another: of values that were taken in turns, so that both met the same disturbances.</summary>
internal sealed record Ratio(string Name, Spread Value) : Subject(Name)
{
    public static Ratio OfPairs(string name, IReadOnlyList<double> numerators, IReadOnlyList<double> denominators) =>
        new(name, Spread.Of([.. numerators.Zip(denominators, (numerator, denominator) => numerator / denominator)]));
}

/// <summary>A number that must not pass a limit.</summary>
internal sealed record Check(string Name, double Value, double Limit) : Subject(Name)
{
    public bool Passed => Value <= Limit; // not a number has not passed
}

/// <summary>Median, quartiles and ends of some values.</summary>
internal sealed record Spread(double Median, double LowerQuartile, double UpperQuartile, double Min, double Max, int Runs)
{
    /// <param name="values">At least one.</param>
    /// <exception cref="ArgumentException">There is none: what was measured no time has no place in a report.</exception>
    public static Spread Of(IReadOnlyList<double> values)
    {
        if (values.Count == 0)
            throw new ArgumentException("Nothing was measured.", nameof(values));
        double[] sorted = [.. values.Order()];
        return new Spread(Quantile(sorted, 0.5), Quantile(sorted, 0.25), Quantile(sorted, 0.75), sorted[0], sorted[^1], sorted.Length);
    }

    /// <summary>The value below which so great a share of sorted values lies, between neighbours in proportion.</summary>
    public static double Quantile(double[] sorted, double share)
    {
        var position = share * (sorted.Length - 1);
        var below = (int)position;
        return double.Lerp(sorted[below], sorted[Math.Min(below + 1, sorted.Length - 1)], position - below);
    }
}
