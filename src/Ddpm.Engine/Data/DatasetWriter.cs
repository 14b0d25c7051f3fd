using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Ddpm.Engine.Data;

/// <summary>A file of the source after decoding: its pixels, or why there are none (an earlier file has them, or it is no picture).</summary>
/// <param name="Entry">The file.</param>
/// <param name="Hash">Of its content.</param>
/// <param name="Pixels"><c>[channels, height, width]</c>; null if the file is a known duplicate or was skipped.</param>
/// <param name="SkipReason">Null unless it could not be read as a picture.</param>
internal sealed record PreparedFile(ImageEntry Entry, UInt128 Hash, byte[]? Pixels, string? SkipReason);

/// <summary>Appends pictures, in order, to the files of a dataset folder.</summary>
internal sealed class DatasetWriter : IDisposable
{
    private readonly string _folder;
    private readonly DatasetOptions _options;
    private readonly FileStream _pixels;
    private readonly IncrementalHash _sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly HashSet<UInt128> _contents = [];
    private readonly Dictionary<string, int> _classes = new(StringComparer.Ordinal); // numbered as they appear
    private readonly List<int> _labels = [];
    private readonly List<SkippedFile> _skipped = [];
    private int _duplicates;

    public DatasetWriter(string folder, DatasetOptions options)
    {
        (_folder, _options) = (folder, options);
        _pixels = new FileStream(Path.Combine(folder, DatasetManifest.PixelsFile), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20);
    }

    public int FilesDone { get; private set; }

    public int Count => _labels.Count;

    public int SkippedCount { get; private set; }

    public bool IsFull => Count == _options.Limit;

    /// <summary>Whether a picture of this content is among those written. Safe from several threads while none adds.</summary>
    public bool Holds(UInt128 hash) => _contents.Contains(hash);

    public void Add(PreparedFile file)
    {
        if (IsFull)
            return;
        FilesDone++;
        if (file.SkipReason is not null)
        {
            SkippedCount++;
            if (_skipped.Count < DatasetManifest.MaxSkippedNamed)
                _skipped.Add(new SkippedFile(file.Entry.Name, file.SkipReason));
            return;
        }
        if (!_contents.Add(file.Hash))
        {
            _duplicates++;
            if (_options.Deduplicate)
                return;
        }
        _pixels.Write(file.Pixels);
        _sha256.AppendData(file.Pixels!);
        _labels.Add(LabelOf(file.Entry.Class));
    }

    /// <param name="classes">All classes in the order of their labels; null for those that pictures have, in the order of their names.</param>
    public DatasetManifest Complete(IReadOnlyList<string>? classes)
    {
        if (Count == 0)
            throw new DatasetException(NothingUsable());
        _pixels.Flush(flushToDisk: true);

        // Classes were numbered as they appeared; labels follow the order of the source or of their names.
        var names = classes ?? [.. _classes.Keys.Order(StringComparer.Ordinal)];
        var counts = new int[names.Count];
        string? labelsSha256 = null;
        if (names.Count > 0)
        {
            var labelOf = names.Select((name, label) => (name, label)).Where(pair => _classes.ContainsKey(pair.name)).ToDictionary(pair => _classes[pair.name], pair => pair.label);
            var labels = _labels.Select(appearance => appearance < 0 ? -1 : labelOf[appearance]).ToArray();
            foreach (var label in labels.Where(label => label >= 0))
                counts[label]++;
            labelsSha256 = WriteLabels(labels);
        }
        var manifest = new DatasetManifest
        {
            Format = DatasetManifest.CurrentFormat,
            Count = Count,
            Channels = _options.Channels,
            Height = _options.Resolution,
            Width = _options.Resolution,
            Sha256 = Convert.ToHexStringLower(_sha256.GetHashAndReset()),
            LabelsSha256 = labelsSha256,
            Classes = [.. names.Zip(counts, (name, count) => new DatasetClass(name, count))],
            Duplicates = _duplicates,
            Deduplicated = _options.Deduplicate,
            SkippedCount = SkippedCount,
            Skipped = _skipped,
        };
        manifest.Write(_folder);
        return manifest;
    }

    public void Dispose()
    {
        _pixels.Dispose();
        _sha256.Dispose();
    }

    private string WriteLabels(int[] labels)
    {
        using var file = new FileStream(Path.Combine(_folder, DatasetManifest.LabelsFile), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        var bytes = MemoryMarshal.AsBytes<int>(labels);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    private int LabelOf(string? name)
    {
        if (name is null)
            return -1;
        if (!_classes.TryGetValue(name, out var label))
            _classes.Add(name, label = _classes.Count);
        return label;
    }

    private string NothingUsable() => SkippedCount switch
    {
        0 => "There are no files in the source.",
        1 => $"No usable picture: the only file, {_skipped[0].Name}, was skipped ({_skipped[0].Reason}).",
        _ => $"No usable picture: all {SkippedCount} files were skipped, the first, {_skipped[0].Name}, because: {_skipped[0].Reason}.",
    };
}
