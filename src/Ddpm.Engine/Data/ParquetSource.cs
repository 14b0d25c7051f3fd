using System.Globalization;
using Ddpm.Engine.Data.Parquet;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data;

/// <summary>
/// The pictures of parquet files as the Hugging Face libraries write them: a column of picture files (a struct of bytes and path, or bytes), and
/// perhaps one of labels, whose names stand in the metadata. Row n of <c>data/train-00000-of-00002.parquet</c> is called
/// <c>data/train-00000-of-00002/000000n</c>.
/// </summary>
/// <remarks>One page of one file is in memory at a time, and the one before while its pictures are still being decoded.</remarks>
/// <param name="path">A parquet file, or a folder with some in it or at most three levels below it, one split of which is read.</param>
public sealed class ParquetSource(string path) : IImageSource
{
    /// <summary>How names of parquet files end.</summary>
    public const string Extension = ".parquet";

    /// <summary>The split that is read where several are there and none is named.</summary>
    public const string UsualSplit = SplitName.Usual;

    private const int FolderLevels = 3;
    private const long MaxPageBytes = 1L << 28; // up to three are held: as stored, expanded, and one that its values are still taken from
    private const int MaxClasses = 10_000;

    /// <summary>Which split of a folder to read; null for the only one, or <c>train</c>.</summary>
    public string? Split { get; init; }

    /// <summary>Name of the column of pictures; null to find it.</summary>
    public string? ImageColumn { get; init; }

    /// <summary>Name of the column of labels, whole numbers or text; null to find one, or go without.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>Whether symbolic links in a folder are followed, as a cache of the hub needs it. Default no.</summary>
    public bool FollowLinks { get; init; }

    /// <summary>How much the files may hold: rows, and bytes and pixels of pictures against bytes of files. Their size is not bounded: they are on the disk already.</summary>
    public ArchiveLimits Limits { get; init; } = new() { MaxEntries = 10_000_000, MaxExpandedBytes = long.MaxValue, MaxDecodedPixels = long.MaxValue };

    /// <summary>Whether a path is what this reads: a parquet file, or a folder with some.</summary>
    public static bool IsOne(string path) => Directory.Exists(path) ? FilesBelow(path, followLinks: true).Any() : File.Exists(path) && ParquetFile.IsOne(path);

    /// <summary>The split that a file belongs to, as its place in its repository says.</summary>
    /// <param name="file">With forward slashes, such as <c>data/train-00000-of-00002.parquet</c>.</param>
    public static string SplitOf(string file) => SplitName.Of(file);

    /// <inheritdoc/>
    public ImageListing Open(CancellationToken cancellationToken)
    {
        var rows = 0L;
        var bytes = 0L;
        var classes = new List<string>();
        var hasNames = true;
        var files = Files();
        foreach (var file in files)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var open = Try(file, () => ParquetFile.Open(file.Path));
            var columns = Try(file, () => PictureColumns.Find(open.Footer, ImageColumn, LabelColumn));
            hasNames &= columns.Classes.Count > 0 && (classes.Count == 0 || classes.SequenceEqual(columns.Classes));
            if (hasNames && classes.Count == 0)
                classes.AddRange(columns.Classes);
            rows += open.Rows;
            bytes += new FileInfo(file.Path).Length;
            if (rows > Limits.MaxEntries)
                throw new DatasetException($"The parquet files hold more than {Limits.MaxEntries:N0} rows.");
        }
        return new ImageListing((int)rows, Entries(files, Limits.ExpandedBytesFor(bytes), cancellationToken))
        {
            Classes = hasNames ? classes : null,
            MaxDecodedPixels = Limits.DecodedPixelsFor(bytes),
        };
    }

    private IEnumerable<ImageEntry> Entries(IReadOnlyList<DataFile> files, long room, CancellationToken cancellationToken)
    {
        var classes = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            using var open = Try(file, () => ParquetFile.Open(file.Path));
            var columns = Try(file, () => PictureColumns.Find(open.Footer, ImageColumn, LabelColumn));
            var row = 0L;
            foreach (var group in open.Footer.RowGroups)
            {
                if (group.Rows == 0)
                    continue;
                var pictures = Try(file, () => open.Read(group, columns.Pictures, MaxPageBytes));
                var labels = columns.Labels is { } column ? Try(file, () => open.Read(group, column, MaxPageBytes)) : null;
                for (var left = group.Rows; left > 0; left--, row++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var content = Try(file, pictures.Next);
                    var kind = labels is null ? null : Try(file, () => columns.ClassOf(labels.Next()));
                    if ((room -= content?.Length ?? 0) < 0)
                        throw new DatasetException($"{file.Name} holds pictures of far more bytes than it has itself.");
                    if (kind is not null && classes.Add(kind) && classes.Count > MaxClasses)
                        throw new DatasetException($"{file.Name}: the column {columns.Labels!.Path} has more than {MaxClasses:N0} different values, so it holds no labels.");
                    var picture = content is { Length: <= EntryNames.MaxFileBytes } bytes ? bytes.ToArray() : null; // a part of a page would keep all of it
                    var reason = content is null ? "the row holds no picture, at most the path that it once had" : EntryNames.TooLarge;
                    yield return new ImageEntry(string.Create(CultureInfo.InvariantCulture, $"{file.Stem}/{row:0000000}"), kind, () => picture ?? throw new ImageDecodeException(reason)) { Bytes = picture?.Length ?? 0 };
                }
            }
        }
    }

    private List<DataFile> Files()
    {
        if (File.Exists(path))
            return [new DataFile(path, Path.GetFileName(path))];
        if (!Directory.Exists(path))
            throw new DatasetException($"{path} is neither a parquet file nor a folder.");
        var splits = FilesBelow(path, FollowLinks).Select(file => new DataFile(file, Path.GetRelativePath(path, file).Replace('\\', '/')))
            .GroupBy(file => SplitName.Of(file.Name)).ToDictionary(split => split.Key, split => split.OrderBy(file => file.Stem + '/', StringComparer.Ordinal).ToList());
        if (splits.Count == 0)
            throw new DatasetException($"{path} holds no parquet files{(FollowLinks ? "" : " (symbolic links are not followed)")}.");
        return splits.GetValueOrDefault(Split ?? (splits.Count == 1 ? splits.Keys.Single() : SplitName.Usual))
            ?? throw new DatasetException($"{path} has no split '{Split ?? SplitName.Usual}'; it has {string.Join(", ", splits.Keys.Order(StringComparer.Ordinal))}.");
    }

    private static IEnumerable<string> FilesBelow(string folder, bool followLinks) => Directory.EnumerateFiles(folder, '*' + Extension, new EnumerationOptions
    {
        RecurseSubdirectories = true,
        MaxRecursionDepth = FolderLevels,
        AttributesToSkip = FileAttributes.Hidden | (followLinks ? 0 : FileAttributes.ReparsePoint),
        MatchCasing = MatchCasing.CaseInsensitive,
    });

    private static T Try<T>(DataFile file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (ParquetDamageException fault)
        {
            throw new DatasetException($"{file.Name} {fault.Message}.", fault);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException($"{file.Name} cannot be read: {fault.Message}", fault);
        }
    }

    /// <param name="Path">Where it is.</param>
    /// <param name="Name">Below the folder that was given, with forward slashes.</param>
    private sealed record DataFile(string Path, string Name)
    {
        public string Stem => System.IO.Path.ChangeExtension(Name, null);
    }
}
