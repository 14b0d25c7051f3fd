namespace Ddpm.Faults.Clusters;

/// <summary>How a cluster is set up.</summary>
/// <param name="Programs">Where PostgreSQL's programs are.</param>
internal sealed record ClusterSettings(string Programs)
{
    /// <summary>Of a job that a worker holds. The service's own default unless told otherwise; renewal and reconciling follow in its proportions.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Worker processes.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>Folder of the artifacts; null for one in the temporary folder.</summary>
    public string? Artifacts { get; init; }

    /// <summary>Settings besides, as environment variables.</summary>
    public Dictionary<string, string> More { get; init; } = [];
}
