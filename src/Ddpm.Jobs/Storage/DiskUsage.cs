using System.Globalization;

namespace Ddpm.Jobs.Storage;

/// <summary>How full the artifacts' disk is.</summary>
/// <param name="UsedBytes">Of all artifacts; null where no budget is set, since it is not counted then.</param>
/// <param name="MaxBytes">The budget; null for none.</param>
/// <param name="FreeBytes">Of the file system.</param>
/// <param name="ReserveBytes">Of those, what stays free.</param>
/// <param name="TotalBytes">Of the file system.</param>
public sealed record DiskUsage(long? UsedBytes, long? MaxBytes, long FreeBytes, long ReserveBytes, long TotalBytes)
{
    private const double MiB = 1 << 20;

    /// <summary>What can still be written; 0 where nothing can.</summary>
    public long RoomBytes => Math.Max(0, Math.Min(RoomInBudget, FreeBytes - ReserveBytes));

    /// <summary>What could be written if nothing had been: the budget, or the file system less the reserve.</summary>
    public long LimitBytes => Math.Max(0, Math.Min(MaxBytes ?? long.MaxValue, TotalBytes - ReserveBytes));

    /// <summary>Whether the greater part of what may be used is used: of the budget, or of the file system.</summary>
    /// <param name="fraction">Which part.</param>
    public bool IsTight(double fraction) => UsedBytes > fraction * MaxBytes || TotalBytes - FreeBytes > fraction * (TotalBytes - ReserveBytes);

    /// <summary>What there is and which setting says so, in a sentence.</summary>
    public string Sentence => RoomInBudget < FreeBytes - ReserveBytes
        ? string.Create(CultureInfo.InvariantCulture, $"Artifacts take {UsedBytes / MiB:0.0} of {MaxBytes / MiB:0.0} MiB (Storage:MaxBytes), so {RoomBytes / MiB:0.0} MiB are free")
        : string.Create(CultureInfo.InvariantCulture,
            $"The disk has {FreeBytes / MiB:0.0} MiB left, of which {ReserveBytes / MiB:0.0} MiB stay free (Storage:ReserveBytes), so {RoomBytes / MiB:0.0} MiB can be used");

    private long RoomInBudget => MaxBytes - UsedBytes ?? long.MaxValue;
}
