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
    private const string Never = "never happened";
    private static readonly TimeSpan Restart = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Exit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Cancel = TimeSpan.FromSeconds(2);

    /// <summary>Each, judged.</summary>
    /// <param name="report">Of a campaign with the usual lease of 30 seconds.</param>
    /// <param name="kills">That were asked for.</param>
    public static IReadOnlyList<Target> Of(CampaignReport report, int kills)
    {
        var lines = report.Lines.Where(line => line.Fault.StartsWith("SIGKILL", StringComparison.Ordinal)).ToList();
        var struck = lines.Sum(line => line.Struck);
        var happened = report.Lines.Count(line => line.Times > 0);
        return
        [
            new("every kind of fault happened", string.Create(CultureInfo.InvariantCulture, $"{happened} of {report.Lines.Count}"), happened == report.Lines.Count),
            new("kills of the API, of the database or of a worker that held a job at that moment, at least as many as asked for", Text(struck), struck >= kills),
            new("jobs that two worked on, jobs or steps lost, results published twice: none", Text(report.Violations.Count), report.Violations.Count == 0),
            Within("the job of a worker that was killed, alone or with all others, its checkpoint torn or not, is in its queue again or held by another within 45 s", Restart, [.. lines.SelectMany(line => line.TakenBack)]),
            Within("a worker ends within 30 s of SIGTERM", Exit, Of("SIGTERM of a worker")),
            HandBacks("steps past the newest checkpoint of a training run that a worker hands back at SIGTERM: at most 1", report.TakeOvers),
            Within("a running job that is cancelled, while nothing goes wrong, has ended within 2 s", Cancel, Of(new Cancellation(amidFaults: false).Name)),
        ];

        IReadOnlyList<TimeSpan> Of(string fault) => report.Lines.SingleOrDefault(line => line.Fault == fault)?.Recoveries ?? [];
    }

    private static Target Within(string what, TimeSpan limit, IReadOnlyList<TimeSpan> times) => times.Count == 0
        ? new Target(what, Never, IsMet: false)
        : new Target(what, string.Create(CultureInfo.InvariantCulture, $"{times.Max().TotalSeconds:0.0} s, of {times.Count}"), times.Max() <= limit);

    private static Target HandBacks(string what, TakeOvers jobs) => jobs.HandedBack == 0
        ? new Target(what, Never, IsMet: false)
        : new Target(what, string.Create(CultureInfo.InvariantCulture, $"{jobs.MostStepsLost}, of {jobs.HandedBack}"), jobs.MostStepsLost <= 1);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
