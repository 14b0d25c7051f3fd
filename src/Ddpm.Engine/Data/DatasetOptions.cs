using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data;

/// <summary>What is made of the pictures of a source.</summary>
public sealed record DatasetOptions
{
    /// <summary>Side of the square pictures that the network sees, in pixels. From 8 to 512; default 64.</summary>
    public int Resolution { get; init; } = 64;

    /// <summary>1 for grey (ITU-R 601 luma, as PIL), 3 for colour. Default 3.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>At most so many pictures, the first in name order, not counting what is left out; null for all.</summary>
    public int? Limit { get; init; }

    /// <summary>Keep one, the first in name order, of files with identical content.</summary>
    public bool Deduplicate { get; init; }

    /// <summary>What shows through transparent pixels. Default white.</summary>
    public Rgb Background { get; init; } = Rgb.White;

    /// <summary>Larger pictures are left out undecoded, and no more pixels are decoded at once. From 1 to 500 million; default 64 million.</summary>
    public long MaxPixels { get; init; } = 64_000_000;
}

/// <summary>How far the making of a dataset is.</summary>
/// <param name="FilesDone">Files of the source looked at.</param>
/// <param name="FilesTotal">Files in the source.</param>
/// <param name="Images">Pictures kept so far.</param>
/// <param name="Skipped">Files left out so far because they could not be read as pictures.</param>
public sealed record DatasetProgress(int FilesDone, int FilesTotal, int Images, int Skipped);

/// <summary>A dataset cannot be made or opened. The message says why, for the person whose data it is.</summary>
public sealed class DatasetException(string message, Exception? innerException = null) : Exception(Refusal.Sentence(message), innerException);
