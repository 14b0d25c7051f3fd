namespace Ddpm.Jobs.Life;

/// <summary>Names of the Hangfire queues. Each has a server of its own, because one server would serve several in alphabetical order.</summary>
public static class Queues
{
    /// <summary>Training runs: one at a time for each worker.</summary>
    public const string Training = "training";

    /// <summary>Sample batches: many at once, beside a training run, since they share the network's calls.</summary>
    public const string Sampling = "sampling";

    /// <summary>Evaluations, which load a model of their own: one at a time for each worker.</summary>
    public const string Evaluation = "evaluation";

    /// <summary>Dataset builds and model imports: no network is evaluated for long.</summary>
    public const string Data = "data";

    /// <summary>All of them: each is told of new jobs, and served by every worker.</summary>
    public static IReadOnlyList<string> All { get; } = [Training, Sampling, Evaluation, Data];

    /// <summary>The queue that jobs of <paramref name="kind"/> wait in.</summary>
    public static string Of(JobKind kind) => kind switch
    {
        JobKind.Training => Training,
        JobKind.Sampling => Sampling,
        JobKind.Evaluation => Evaluation,
        JobKind.Dataset or JobKind.ModelImport => Data,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such kind of job."),
    };

    /// <summary>The kinds of jobs that wait in the same queue as those of <paramref name="kind"/>.</summary>
    public static IReadOnlyList<JobKind> KindsBeside(JobKind kind) => [.. Enum.GetValues<JobKind>().Where(other => Of(other) == Of(kind))];
}
