namespace Ddpm.Engine.Data;

/// <summary>Somewhere pictures come from.</summary>
public interface IImageSource
{
    /// <summary>Opens the source.</summary>
    /// <exception cref="DatasetException">The source as a whole cannot be read; the message says why.</exception>
    ImageListing Open(CancellationToken cancellationToken);
}

/// <summary>What an open source holds.</summary>
/// <param name="count">How many entries there are.</param>
/// <param name="entries">The entries in ordinal order of their names, whatever order they are stored in. Read once, by one thread.</param>
/// <param name="resource">Closed with the listing; may be null.</param>
public sealed class ImageListing(int count, IEnumerable<ImageEntry> entries, IDisposable? resource = null) : IDisposable
{
    /// <summary>How many entries there are, pictures or not.</summary>
    public int Count { get; } = count;

    /// <summary>The entries in ordinal order of their names.</summary>
    public IEnumerable<ImageEntry> Entries { get; } = entries;

    /// <summary>All classes in the order of their labels, where the source numbers them itself; null where the order of their names is to do so.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Pixels of all pictures that may be decoded; no bound by default.</summary>
    public long MaxDecodedPixels { get; init; } = long.MaxValue;

    /// <inheritdoc/>
    public void Dispose() => resource?.Dispose();
}

/// <summary>One file of a source, perhaps a picture.</summary>
/// <param name="Name">Its path inside the source, with forward slashes.</param>
/// <param name="Class">Its class; null if it has none.</param>
/// <param name="Read">
/// Its whole content, also for several threads at once. Throws <see cref="Imaging.ImageDecodeException"/> with the reason where the content
/// cannot or must not be read.
/// </param>
public sealed record ImageEntry(string Name, string? Class, Func<byte[]> Read)
{
    /// <summary>Bytes of the content, at the most; 0 where they are not known but few.</summary>
    public long Bytes { get; init; }
}
