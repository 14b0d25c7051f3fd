using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data;

/// <summary>The files of a folder and of the folders below it. Each first-level sub-folder is a class.</summary>
/// <remarks>Hidden files and folders are not looked at; symbolic links, and folders that cannot be read, are named as skipped.</remarks>
/// <param name="path">The folder.</param>
public sealed class DirectorySource(string path) : IImageSource
{
    private static readonly EnumerationOptions Everything = new() { RecurseSubdirectories = false, AttributesToSkip = 0, IgnoreInaccessible = false };

    /// <inheritdoc/>
    public ImageListing Open(CancellationToken cancellationToken)
    {
        var root = new DirectoryInfo(path);
        if (!root.Exists)
            throw new DatasetException($"{path} is not a folder.");
        var files = new List<(string Name, FileSystemInfo File)>();
        try
        {
            Collect(root, "", files, cancellationToken);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            throw new DatasetException($"{path} cannot be read: {exception.Message}", exception);
        }
        files.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return new ImageListing(files.Count, files.Select(file => new ImageEntry(file.Name, EntryNames.ClassOf(file.Name), () => Read(file.File)) { Bytes = BytesOf(file.File) }));
    }

    private static void Collect(DirectoryInfo folder, string prefix, List<(string, FileSystemInfo)> files, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        foreach (var item in folder.EnumerateFileSystemInfos("*", Everything))
        {
            var name = prefix + item.Name;
            if (EntryNames.IsHidden(item.Name))
                continue;
            if (item is not DirectoryInfo below || item.LinkTarget is not null || !TryCollect(below, name + '/', files, cancellationToken))
                files.Add((name, item));
        }
    }

    private static bool TryCollect(DirectoryInfo folder, string prefix, List<(string, FileSystemInfo)> files, CancellationToken cancellationToken)
    {
        try
        {
            Collect(folder, prefix, files, cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            return false;
        }
    }

    private static long BytesOf(FileSystemInfo item) => item is FileInfo { Exists: true } file ? file.Length : 0;

    private static byte[] Read(FileSystemInfo item)
    {
        if (item.LinkTarget is not null)
            throw new ImageDecodeException("a symbolic link");
        if (item is DirectoryInfo)
            throw new ImageDecodeException("the folder cannot be read");
        try
        {
            // Pipes and devices have no length; they are not opened, since reading them may never end.
            return new FileInfo(item.FullName).Length switch
            {
                0 => [],
                > EntryNames.MaxFileBytes => throw new ImageDecodeException(EntryNames.TooLarge),
                _ => File.ReadAllBytes(item.FullName),
            };
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            throw new ImageDecodeException("the file cannot be read");
        }
    }
}
