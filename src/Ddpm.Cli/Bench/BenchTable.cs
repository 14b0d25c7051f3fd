using System.Globalization;
using Spectre.Console;

namespace Ddpm.Cli.Bench;

/// <summary>A report for people.</summary>
internal static class BenchTable
{
    /// <summary>Characters of a line at least: in a file, or through a pipe, nothing must be cut off.</summary>
    private const int Width = 200;

    public static void Print(BenchReport report)
    {
        var (machine, versions) = (report.Machine, report.Versions);
        var gpu = machine.Gpu is null ? "" : $", {machine.Gpu}";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{machine.Cpu}, {machine.Cores} cores, {machine.MemoryBytes / 1e9:0} GB, {string.Join(' ', machine.Flags)}{gpu}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Ddpm {versions.Ddpm}, .NET {versions.DotNet}, TorchSharp {versions.TorchSharp}, libtorch {versions.Libtorch}, {report.Threads} threads, {report.Date:u}"));
        Print("", report.Measures.Select(measure => Row(measure, measure.Unit, measure.Value)));
        Print("times", report.Ratios.Select(ratio => Row(ratio, "×", ratio.Value)));
        foreach (var note in report.Notes)
            Console.WriteLine(note);
        foreach (var check in report.Checks)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(check.Passed ? "passed" : "FAILED")}  {TitleOf(check)}: {check.Value:G3}, at most {check.Limit:G3}"));
    }

    /// <summary>Name and circumstances in one line.</summary>
    public static string TitleOf(Subject subject) =>
        string.Join(", ", new[] { subject.Name, subject.Network, subject.Precision, subject.Batch is { } batch ? $"batch {batch}" : null }.Where(part => part is not null));

    private static string[] Row(Subject subject, string unit, Spread value) =>
    [
        subject.Name, subject.Network ?? "", subject.Precision ?? "", subject.Batch?.ToString(CultureInfo.InvariantCulture) ?? "",
        Text(value.Median), unit, $"{Text(value.LowerQuartile)} … {Text(value.UpperQuartile)}", $"{Text(value.Min)} … {Text(value.Max)}", value.Runs.ToString(CultureInfo.InvariantCulture),
    ];

    private static void Print(string title, IEnumerable<string[]> rows)
    {
        var table = new Table { Border = TableBorder.Simple };
        var console = AnsiConsole.Create(new AnsiConsoleSettings());
        console.Profile.Width = Math.Max(console.Profile.Width, Width);
        foreach (var heading in (string[])[title, "network", "precision", "batch", "median", "unit", "quartiles", "range", "runs"])
            table.AddColumn(new TableColumn(heading) { NoWrap = true });
        foreach (var row in rows)
            table.AddRow([.. row.Select(cell => new Text(cell))]);
        if (table.Rows.Count > 0)
            console.Write(table);
    }

    private static string Text(double value) => Math.Abs(value) >= 1000 ? value.ToString("N0", CultureInfo.InvariantCulture) : value.ToString("G4", CultureInfo.InvariantCulture);
}
