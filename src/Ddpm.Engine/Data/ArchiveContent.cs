namespace Ddpm.Engine.Data;

/// <summary>An open archive.</summary>
internal interface IArchiveContent : IDisposable
{
    /// <summary>All its files, in the order in which they are stored.</summary>
    IReadOnlyList<ArchiveFile> Files { get; }
}

/// <summary>A file in an archive.</summary>
/// <param name="Name">Its path, with forward slashes.</param>
/// <param name="Read">Its content, for several threads at once; throws <see cref="Imaging.ImageDecodeException"/> where it cannot be had.</param>
/// <param name="Bytes">Of the content, as announced; no more is read.</param>
internal sealed record ArchiveFile(string Name, Func<byte[]> Read, long Bytes);
