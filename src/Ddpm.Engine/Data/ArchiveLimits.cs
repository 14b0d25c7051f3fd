namespace Ddpm.Engine.Data;

/// <summary>How much an archive may hold, so that a small hostile one cannot fill a disk or keep a worker busy for days.</summary>
public sealed record ArchiveLimits
{
    /// <summary>Files and folders in it. Default 1,000,000.</summary>
    public int MaxEntries { get; init; } = 1_000_000;

    /// <summary>Bytes of all files after expansion. Default 20 GB.</summary>
    public long MaxExpandedBytes { get; init; } = 20_000_000_000;

    /// <summary>Bytes after expansion to bytes before. Pictures are compressed already: about 1 is usual. Default 100.</summary>
    public double MaxExpansionRatio { get; init; } = 100;

    /// <summary>Below so many expanded bytes the ratio does not matter: flat drawings shrink a great deal. Default 256 MB.</summary>
    public long RatioMattersFrom { get; init; } = 256_000_000;

    /// <summary>Bytes that an archive of this size may expand to.</summary>
    internal long ExpandedBytesFor(long archiveBytes) =>
        Math.Min(MaxExpandedBytes, Math.Max(RatioMattersFrom, (long)Math.Min(archiveBytes * MaxExpansionRatio, long.MaxValue)));
}
