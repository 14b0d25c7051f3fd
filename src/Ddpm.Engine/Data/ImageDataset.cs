using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data;

/// <summary>The pictures that a network is trained on, mapped into memory: opening costs nothing, whatever their number.</summary>
/// <remarks>Reading is safe from several threads.</remarks>
public sealed class ImageDataset : IDisposable
{
    private readonly string _folder;
    private readonly DatasetManifest _manifest;
    private readonly int[] _labels;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    private ImageDataset(string folder, DatasetManifest manifest, int[] labels, MemoryMappedFile file)
    {
        _folder = folder;
        _manifest = manifest;
        _labels = labels;
        _file = file;
        _view = file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        Classes = [.. manifest.Classes.Select(c => c.Name)];
    }

    /// <summary>Pictures; at least 1.</summary>
    public int Count => _manifest.Count;

    /// <summary>1 (grey) or 3 (red, green, blue).</summary>
    public int Channels => _manifest.Channels;

    /// <summary>Rows of a picture.</summary>
    public int Height => _manifest.Height;

    /// <summary>Columns of a picture.</summary>
    public int Width => _manifest.Width;

    /// <summary>Bytes of a picture.</summary>
    public int ImageBytes => Channels * Height * Width;

    /// <summary>Names of the classes; a label is an index into it. Empty if nothing has a class.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>SHA-256 of all pixels as written, lower-case hexadecimal.</summary>
    public string Sha256 => _manifest.Sha256;

    /// <summary>All that is known about the making of the dataset.</summary>
    public DatasetManifest Manifest => _manifest;

    /// <summary>Opens a folder made by <see cref="DatasetBuilder"/>.</summary>
    /// <exception cref="DatasetException">The folder is not a dataset, or its files do not have the sizes its manifest gives.</exception>
    public static ImageDataset Open(string folder)
    {
        var manifest = DatasetManifest.Read(folder);
        if (manifest.Count < 1 || manifest.Channels is not (1 or 3) || manifest.Height < 1 || manifest.Width < 1)
            throw new DatasetException($"{Path.Combine(folder, DatasetManifest.FileName)} is damaged: impossible sizes.");

        var bytes = (long)manifest.Count * manifest.Channels * manifest.Height * manifest.Width;
        var pixels = FileOfSize(folder, DatasetManifest.PixelsFile, bytes);
        var labels = ReadLabels(folder, manifest);
        return new ImageDataset(folder, manifest, labels, MemoryMappedFile.CreateFromFile(pixels, FileMode.Open, null, 0, MemoryMappedFileAccess.Read));
    }

    /// <summary>Reads all pixels and labels and compares them with what was written: half a second for each GB that is in the system's cache.</summary>
    /// <exception cref="DatasetException">They are not what was written.</exception>
    public void Verify()
    {
        Verify(DatasetManifest.PixelsFile, Sha256);
        if (_manifest.LabelsSha256 is { } labels)
            Verify(DatasetManifest.LabelsFile, labels);
    }

    private void Verify(string name, string sha256)
    {
        if (FileHash.Sha256(Path.Combine(_folder, name)) != sha256)
            throw new DatasetException($"{name} is damaged: its SHA-256 is not the one that was recorded.");
    }

    /// <summary>The class of a picture, an index into <see cref="Classes"/>; -1 if it has none.</summary>
    public int LabelOf(int index)
    {
        CheckIndex(index);
        return _labels.Length == 0 ? -1 : _labels[index];
    }

    /// <summary>Copies the pixels of a picture.</summary>
    /// <param name="index">From 0 to below <see cref="Count"/>.</param>
    /// <param name="chw">Receives <c>[channels, height, width]</c>, 0 to 255; exactly <see cref="ImageBytes"/> long.</param>
    public unsafe void CopyImage(int index, Span<byte> chw)
    {
        CheckIndex(index);
        if (chw.Length != ImageBytes)
            throw new ArgumentException($"Expected room for {ImageBytes} bytes, got {chw.Length}.", nameof(chw));

        byte* start = null;
        var view = _view.SafeMemoryMappedViewHandle;
        view.AcquirePointer(ref start);
        try
        {
            new ReadOnlySpan<byte>(start + _view.PointerOffset + (long)index * ImageBytes, ImageBytes).CopyTo(chw);
        }
        finally
        {
            view.ReleasePointer();
        }
    }

    /// <summary>At most so many pictures, evenly spaced over the whole set: what the network will see.</summary>
    public PixelBatch Preview(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        count = Math.Min(count, Count);
        var pixels = new byte[count * ImageBytes];
        for (var n = 0; n < count; n++)
            CopyImage((int)((long)n * Count / count), pixels.AsSpan(n * ImageBytes, ImageBytes));
        return new PixelBatch(pixels, count, Channels, Height, Width);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }

    private static int[] ReadLabels(string folder, DatasetManifest manifest)
    {
        if (manifest.Classes.Count == 0)
            return [];
        var path = FileOfSize(folder, DatasetManifest.LabelsFile, 4L * manifest.Count);
        var labels = MemoryMarshal.Cast<byte, int>(File.ReadAllBytes(path)).ToArray();
        return labels.All(label => label >= -1 && label < manifest.Classes.Count)
            ? labels
            : throw new DatasetException($"{path} is damaged: it holds labels of classes that do not exist.");
    }

    private static string FileOfSize(string folder, string name, long bytes)
    {
        var file = new FileInfo(Path.Combine(folder, name));
        if (!file.Exists)
            throw new DatasetException($"{folder} is damaged: {name} is missing.");
        return file.Length == bytes
            ? file.FullName
            : throw new DatasetException($"{folder} is damaged: {name} has {file.Length} bytes where {bytes} were written.");
    }

    private void CheckIndex(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
    }
}
