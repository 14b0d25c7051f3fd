namespace Ddpm.Engine.Data;

/// <summary>What the names of a source's files say, and the one limit that all sources share.</summary>
internal static class EntryNames
{
    /// <summary>No file larger than this is read.</summary>
    public const int MaxFileBytes = 64 << 20;

    public const string TooLarge = "larger than 64 MiB";

    /// <summary>Whether a file or folder of this name is the operating system's business: <c>.DS_Store</c>, <c>__MACOSX</c>, <c>Thumbs.db</c> and the like.</summary>
    public static bool IsHidden(string segment) =>
        segment.StartsWith('.') || segment is "__MACOSX" or "Thumbs.db" or "desktop.ini";

    /// <summary>The first folder of a path; null for a file that lies in none.</summary>
    public static string? ClassOf(string name) => name.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash ? name[..slash] : null;
}
