using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Options;

namespace Ddpm.Jobs.Storage;

/// <summary>Says whether there is room for more artifacts before they are written.</summary>
/// <remarks>Counting the artifacts means to visit every file, so it is done anew at most once in <see cref="Fresh"/>, and not more often than makes up a fiftieth of the time;
/// what was promised in between is added. Several processes may promise the same room within that time: the reserve is there for that.</remarks>
public sealed class DiskSpace(StorageOptions storage, IOptions<DiskOptions> options, TimeProvider clock)
{
    private const double MiB = 1 << 20;
    private const int ShareOfCounting = 50;
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private long _used;
    private long _promised; // since it was counted
    private long _held; // whatever is counted
    private long _countedAt;
    private TimeSpan _staysFresh;

    /// <summary>How full the disk is.</summary>
    public DiskUsage Usage()
    {
        var settings = options.Value;
        var drive = new DriveInfo(storage.ArtifactRoot);
        return new DiskUsage(settings.MaxBytes is null ? null : Used(), settings.MaxBytes, drive.AvailableFreeSpace, settings.ReserveBytes, drive.TotalSize);
    }

    /// <summary>Whether it is time to warn.</summary>
    public bool IsTight(DiskUsage usage) => usage.IsTight(options.Value.WarnFraction);

    /// <summary>Promises room to something that is about to be written.</summary>
    /// <param name="bytes">How much it needs, about.</param>
    /// <param name="what">What it is, as the subject of a sentence: <c>The upload</c>.</param>
    /// <exception cref="DiskFullException">There is not so much.</exception>
    public void Require(long bytes, string what)
    {
        Look(bytes, what);
        lock (_lock)
            _promised += bytes;
    }

    /// <summary>Promises room, bit by bit, to something that lies where counting does not see it, as a file without a name does.</summary>
    /// <param name="what">What it is, as the subject of a sentence.</param>
    /// <returns>Gives the room back when it is disposed.</returns>
    public HeldRoom Hold(string what) => new(bytes => Look(bytes, what), bytes => Interlocked.Add(ref _held, bytes));

    /// <summary>The same, of the reserve too and beyond the budget: for what must not be lost.</summary>
    /// <exception cref="DiskFullException">The file system has not so much left.</exception>
    public void RequireOfReserve(long bytes, string what)
    {
        var free = new DriveInfo(storage.ArtifactRoot).AvailableFreeSpace;
        if (free < bytes)
            throw new DiskFullException(Refusal(string.Create(CultureInfo.InvariantCulture, $"The disk has {free / MiB:0.0} MiB left"), bytes, what));
    }

    /// <summary>Looks for room where something else than artifacts is about to be written, perhaps on another disk, of which the reserve stays free too.</summary>
    /// <param name="folder">It need not be there yet.</param>
    /// <param name="bytes">How much is needed.</param>
    /// <param name="what">What it is, as the subject of a sentence.</param>
    /// <exception cref="DiskFullException">There is not so much.</exception>
    public void RequireIn(string folder, long bytes, string what)
    {
        var there = new DirectoryInfo(Path.GetFullPath(folder));
        while (!there.Exists && there.Parent is { } parent)
            there = parent;
        var (free, reserve) = (new DriveInfo(there.FullName).AvailableFreeSpace, options.Value.ReserveBytes);
        if (free - reserve < bytes)
            throw new DiskFullException(string.Create(
                CultureInfo.InvariantCulture, $"{what} needs about {bytes / MiB:0.0} MiB. Its disk has {free / MiB:0.0} MiB left, of which {reserve / MiB:0.0} MiB stay free (Storage:ReserveBytes)."));
    }

    private void Look(long bytes, string what)
    {
        var usage = Usage();
        if (usage.RoomBytes < bytes || usage.RoomBytes == 0)
            throw new DiskFullException(Refusal(usage.Sentence, bytes, what));
    }

    private static string Refusal(string there, long bytes, string what) => string.Create(CultureInfo.InvariantCulture,
        $"{what} needs about {bytes / MiB:0.0} MiB. {there}. Delete samples, checkpoints or datasets, give the server a larger disk, or raise the limit.");

    private long Used()
    {
        lock (_lock)
        {
            if (_countedAt == 0 || clock.GetElapsedTime(_countedAt) >= _staysFresh)
            {
                var began = Stopwatch.GetTimestamp();
                (_used, _promised) = (Count(new DirectoryInfo(storage.ArtifactRoot)), 0);
                _countedAt = clock.GetTimestamp();
                _staysFresh = Stopwatch.GetElapsedTime(began) * ShareOfCounting is var share && share > Fresh ? share : Fresh;
            }

            return _used + _promised + Interlocked.Read(ref _held);
        }
    }

    // Others write and delete meanwhile.
    private static long Count(DirectoryInfo folder)
    {
        var bytes = 0L;
        try
        {
            foreach (var entry in folder.EnumerateFileSystemInfos())
                bytes += entry switch
                {
                    FileInfo file => LengthOf(file),
                    DirectoryInfo { LinkTarget: null } inner => Count(inner),
                    _ => 0,
                };
        }
        catch (DirectoryNotFoundException)
        {
        }

        return bytes;
    }

    private static long LengthOf(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0;
        }
    }
}
