using Ddpm.Jobs.Storage;

namespace Ddpm.Api.Operations;

/// <summary>How full the disk of the artifacts is.</summary>
internal sealed record DiskView
{
    public DiskView(DiskUsage usage, bool isTight)
    {
        UsedBytes = usage.UsedBytes;
        MaxBytes = usage.MaxBytes;
        FreeBytes = usage.FreeBytes;
        ReserveBytes = usage.ReserveBytes;
        RoomBytes = usage.RoomBytes;
        Warning = usage.RoomBytes == 0 ? $"Nothing new is taken: {usage.Sentence}." : isTight ? $"Room is running out: {usage.Sentence}." : null;
    }

    /// <summary>Bytes of all artifacts; null where no budget is set (<c>Storage:MaxBytes</c>).</summary>
    public long? UsedBytes { get; }

    /// <summary>The budget; null for none.</summary>
    public long? MaxBytes { get; }

    /// <summary>Bytes that the file system has left.</summary>
    public long FreeBytes { get; }

    /// <summary>Of those, what stays free (<c>Storage:ReserveBytes</c>).</summary>
    public long ReserveBytes { get; }

    /// <summary>What can still be taken in; what needs more is refused with 507.</summary>
    public long RoomBytes { get; }

    /// <summary>What to look to, before nothing can be taken in any more; null where there is plenty.</summary>
    public string? Warning { get; }
}
