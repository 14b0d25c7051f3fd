using System.Globalization;
using Ddpm.Faults.Injection;

namespace Ddpm.Faults;

/// <summary>A promise in numbers, and what a campaign has come to.</summary>
/// <param name="What">In words, with its limit.</param>
/// <param name="Measured">The worst.</param>
/// <param name="IsMet">Whether it was kept.</param>
internal sealed record Target(string What, string Measured, bool IsMet);

/// <summary>What is promised at the service's own settings.</summary>
internal static class Targets
{
    private static readonly TimeSpan Restart = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Exit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Cancel = TimeSpan.FromSeconds(2);

    /// <summary>Each, judged.</summary>
    /// <param name="report">Of a campaign with the usual lease of 30 seconds.</param>
    /// <param name="kills">That were asked for.</param>
    public static IReadOnlyList<Target> Of(CampaignReport report, int kills)
    {
        var struck = report.Lines.Where(line => line.IsKill).Sum(line => line.Times);
        return
        [
            new("kills, at least as many as asked for", Text(struck), struck >= kills),
            new("jobs that two worked on, jobs or steps lost, results published twice: none", Text(report.Violations.Count), report.Violations.Count == 0),
            Within("a killed worker's job is in its queue again or held by another within 45 s", Restart, report.Restarts),
            Within("a worker ends within 30 s of SIGTERM", Exit, Of("SIGTERM of a worker")),
            new("steps past the newest checkpoint when a worker hands a run back: at most 1", $"{Text(report.TakeOvers.MostStepsLost)}, of {Text(report.TakeOvers.HandedBack)}", report.TakeOvers is { HandedBack: > 0, MostStepsLost: <= 1 }),
            Within("a running job that is cancelled, while nothing goes wrong, has ended within 2 s", Cancel, Of(new Cancellation(amidFaults: false).Name)),
        ];

        IReadOnlyList<TimeSpan> Of(string fault) => report.Lines.SingleOrDefault(line => line.Fault == fault)?.Recoveries ?? [];
    }

    private static Target Within(string what, TimeSpan limit, IReadOnlyList<TimeSpan> times) => times.Count == 0
        ? new Target(what, "never happened", IsMet: false)
        : new Target(what, string.Create(CultureInfo.InvariantCulture, $"{times.Max().TotalSeconds:0.0} s, of {times.Count}"), times.Max() <= limit);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
