using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data;

/// <summary>
/// Decodes the pictures of a source once, into a folder that training maps into memory. The result depends on names and contents of the
/// files only. Memory use does not grow with their number, apart from a label and a hash each, but with the size of the largest picture:
/// some 12 bytes for each of <see cref="DatasetOptions.MaxPixels"/>, 0.8 GB unless told otherwise, where such pictures occur.
/// </summary>
public static class DatasetBuilder
{
    // Files of a chunk are read and decoded side by side, then written in order. Until then 50 MB of pixels are kept at most; the files that are
    // being decoded, and their pixels, come on top, each bounded by a gate.
    private const int ChunkFiles = 64;
    private const int MaxThreads = 8;
    private const long LargePicture = 1 << 24; // pixels, of which 48 MB are left for the collector
    private const long MaxBytesAtOnce = 2 * EntryNames.MaxFileBytes;
    private const long ChunkBytes = 2 * EntryNames.MaxFileBytes; // rows of a table come with their content

    /// <summary>Makes a dataset.</summary>
    /// <param name="source">Where the pictures come from.</param>
    /// <param name="options">What is made of them.</param>
    /// <param name="folder">Must not exist or be empty; appears complete or not at all.</param>
    /// <param name="progress">Hears of every chunk of files.</param>
    /// <param name="cancellationToken">Stops the work and removes what was written.</param>
    /// <exception cref="DatasetException">The source cannot be read, or holds no picture that can be used.</exception>
    public static DatasetManifest Build(
        IImageSource source, DatasetOptions options, string folder, IProgress<DatasetProgress>? progress, CancellationToken cancellationToken)
    {
        Check(options);
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
            throw new DatasetException($"{folder} is not empty.");

        var unfinished = $"{folder}.{Guid.NewGuid():N}.tmp";
        Directory.CreateDirectory(unfinished);
        try
        {
            var manifest = Write(source, options, unfinished, progress, cancellationToken);
            if (Directory.Exists(folder))
                Directory.Delete(folder);
            Durable.Move(unfinished, folder);
            return manifest;
        }
        catch
        {
            Directory.Delete(unfinished, recursive: true);
            throw;
        }
    }

    private static DatasetManifest Write(
        IImageSource source, DatasetOptions options, string folder, IProgress<DatasetProgress>? progress, CancellationToken cancellationToken)
    {
        using var listing = source.Open(cancellationToken);
        using var writer = new DatasetWriter(folder, options);
        var (files, budget) = (new PixelGate(MaxBytesAtOnce), new PixelBudget(listing.MaxDecodedPixels));
        foreach (var chunk in Chunks(listing.Entries))
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var file in PrepareAll(chunk, options, writer, files, budget, cancellationToken))
                writer.Add(file);
            progress?.Report(new DatasetProgress(Math.Min(writer.FilesDone, listing.Count), listing.Count, writer.Count, writer.SkippedCount));
            if (writer.IsFull)
                break;
        }
        return writer.Complete(listing.Classes);
    }

    private static IEnumerable<ImageEntry[]> Chunks(IEnumerable<ImageEntry> entries)
    {
        var (chunk, bytes) = (new List<ImageEntry>(), 0L);
        foreach (var entry in entries)
        {
            chunk.Add(entry);
            bytes += entry.Bytes;
            if (chunk.Count < ChunkFiles && bytes < ChunkBytes)
                continue;
            yield return [.. chunk];
            chunk.Clear();
            bytes = 0;
        }
        if (chunk.Count > 0)
            yield return [.. chunk];
    }

    private static PreparedFile[] PrepareAll(
        ImageEntry[] entries, DatasetOptions options, DatasetWriter writer, PixelGate files, PixelBudget budget, CancellationToken cancellationToken)
    {
        var parallelism = new ParallelOptions { MaxDegreeOfParallelism = Math.Min(Environment.ProcessorCount, MaxThreads), CancellationToken = cancellationToken };
        var prepared = new PreparedFile[entries.Length];
        try
        {
            Parallel.For(0, entries.Length, parallelism, n => prepared[n] = Prepare(entries[n], options, writer, files, budget));
        }
        catch (AggregateException exception)
        {
            ExceptionDispatchInfo.Throw(exception.InnerExceptions[0]);
        }
        return prepared;
    }

    private static PreparedFile Prepare(ImageEntry entry, DatasetOptions options, DatasetWriter writer, PixelGate files, PixelBudget budget)
    {
        try
        {
            using var file = files.Enter(Math.Clamp(entry.Bytes, 0, EntryNames.MaxFileBytes));
            var content = entry.Read();
            // 128 bits of a SHA-256: the chance that two of ten million files share them by accident is 10⁻²⁵.
            var hash = BitConverter.ToUInt128(SHA256.HashData(content), 0);
            if (options.Deduplicate && writer.Holds(hash))
                return new PreparedFile(entry, hash, null, null);

            var pixels = ImageCodec.PixelsOf(content);
            if (pixels <= options.MaxPixels) // a larger one is left out undecoded
                budget.Spend(pixels);
            using var room = DecodingRoom.Enter(pixels);
            var planes = Decode(content, options);
            if (pixels > LargePicture)
                GC.Collect(); // it would let several of that size pile up
            return new PreparedFile(entry, hash, planes, null);
        }
        catch (ImageDecodeException exception)
        {
            return new PreparedFile(entry, default, null, exception.Message);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // so that nothing holds the picture when it returns
    private static byte[] Decode(byte[] content, DatasetOptions options)
    {
        var picture = ImageCodec.Decode(content, new ImageDecodeOptions { Background = options.Background, MaxPixels = options.MaxPixels });
        return Planes.Of(Resize.ToSquare(picture, options.Resolution), options.Channels);
    }

    private static void Check(DatasetOptions options)
    {
        if (options.Resolution is < 8 or > 512)
            throw new DatasetException($"Resolution must be from 8 to 512, not {options.Resolution}.");
        if (options.Channels is not (1 or 3))
            throw new DatasetException($"Channels must be 1 (grey) or 3 (colour), not {options.Channels}.");
        if (options.Limit < 1)
            throw new DatasetException($"Limit must be at least 1, not {options.Limit}.");
        if (options.MaxPixels is < 1 or > ImageCodec.MostPixels)
            throw new DatasetException($"MaxPixels must be from 1 to {ImageCodec.MostPixels}, not {options.MaxPixels}.");
    }
}
