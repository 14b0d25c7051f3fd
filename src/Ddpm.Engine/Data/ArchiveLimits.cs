namespace Ddpm.Engine.Data;

/// <summary>How much an archive may hold, so that a small hostile one cannot fill a disk or keep a worker busy for days.</summary>
public sealed record ArchiveLimits
{
    /// <summary>Files and folders in it. Default 1,000,000.</summary>
    public int MaxEntries { get; init; } = 1_000_000;

    /// <summary>Bytes of all files after expansion. Default 20 GB.</summary>
    public long MaxExpandedBytes { get; init; } = 20_000_000_000;

    /// <summary>Bytes after expansion to bytes before. Pictures are compressed already: about 1 is usual. Default 100.</summary>
    public double MaxExpansionRatio { get; init; } = 100;

    /// <summary>Below so many expanded bytes the ratio does not matter: flat drawings shrink a great deal. Default 256 MB.</summary>
    public long RatioMattersFrom { get; init; } = 256_000_000;

    /// <summary>Pixels of all pictures that are decoded. Default 10¹²: a million pictures of a megapixel, and four hours of decoding at the 64 million a second of a core.</summary>
    public long MaxDecodedPixels { get; init; } = 1_000_000_000_000;

    /// <summary>Decoded pixels to bytes of the archive. Default 4000.</summary>
    // Photographs have 2 to 20, drawings and masks some hundred; deflate cannot pass 1032 bytes for one, so a PNG of a byte a pixel cannot either. Only pictures of one colour
    // and a bit a pixel pass 4000 (8 KB for 64 megapixels), or files that shrink once more in the archive.
    public double MaxPixelsPerByte { get; init; } = 4000;

    /// <summary>Below so many decoded pixels the ratio does not matter. Default 20 billion: five minutes of decoding.</summary>
    public long PixelRatioMattersFrom { get; init; } = 20_000_000_000;

    /// <summary>Pixels that may be decoded of an archive of this size.</summary>
    internal long DecodedPixelsFor(long archiveBytes) =>
        Math.Min(MaxDecodedPixels, Math.Max(PixelRatioMattersFrom, (long)Math.Min(archiveBytes * MaxPixelsPerByte, long.MaxValue)));

    /// <summary>Bytes that an archive of this size may expand to.</summary>
    internal long ExpandedBytesFor(long archiveBytes) =>
        Math.Min(MaxExpandedBytes, Math.Max(RatioMattersFrom, (long)Math.Min(archiveBytes * MaxExpansionRatio, long.MaxValue)));
}
