using Ddpm.Faults.Clusters;

namespace Ddpm.Faults.Injection;

/// <summary>Something that goes wrong.</summary>
internal abstract class Fault
{
    /// <summary>What it is, for the report.</summary>
    public abstract string Name { get; }

    /// <summary>What its recovery time counts, for the report.</summary>
    public abstract string Recovery { get; }

    /// <summary>Lets it happen, and returns when the cluster is as it was, or will get there by itself.</summary>
    /// <returns>Null where there was nothing to disturb.</returns>
    public abstract Task<Injected?> InjectAsync(Cluster cluster, Random random);
}

/// <summary>A fault that happened.</summary>
/// <param name="At">By the database's clock, or this process's, which is the same machine's.</param>
/// <param name="Processes">The workers that it struck, which lose what they hold; null where it struck something else.</param>
/// <param name="RecoveredIn">How long its own recovery took, where that is not read from the history.</param>
/// <param name="Down">How long nobody could write to the database.</param>
/// <param name="Outcome">What came of it, where that differs from one time to another.</param>
/// <param name="Ended">The worker that was asked to end, which hands back what it holds before it does; null where none was.</param>
internal sealed record Injected(DateTime At, IReadOnlyList<int>? Processes = null, TimeSpan? RecoveredIn = null, TimeSpan Down = default, string? Outcome = null, int? Ended = null);
