namespace Ddpm.Engine.Data;

/// <summary>What the names of a source's files say.</summary>
internal static class EntryNames
{
    /// <summary>No file larger than this is read: 64 MiB.</summary>
    public const int MaxFileBytes = 64 << 20;

    public const string TooLarge = "larger than 64 MiB";

    /// <summary>Whether a file or folder of this name is the operating system's business: <c>.DS_Store</c>, <c>__MACOSX</c>, <c>Thumbs.db</c> and the like.</summary>
    public static bool IsHidden(string segment) =>
        (segment.StartsWith('.') && segment is not ("." or "..")) || segment is "__MACOSX" or "Thumbs.db" or "desktop.ini";

    /// <summary>Whether a path, with forward slashes, leads out of the folder that it is relative to.</summary>
    public static bool LeadsOutside(string name) =>
        name.StartsWith('/') || (name.Length > 1 && name[1] == ':') || name.Split('/').Contains("..");

    /// <summary>The first folder of a path; null for a file that lies in none.</summary>
    /// <param name="name">The path, with forward slashes.</param>
    /// <param name="from">Where in it to begin.</param>
    public static string? ClassOf(string name, int from = 0) =>
        name.IndexOf('/', from) is var slash and >= 0 ? name[from..slash] : null;

    /// <summary>Length of the folders that all paths have in common: archives are often made of one folder, which is no class.</summary>
    public static int CommonRoot(IReadOnlyList<string> names)
    {
        var length = 0;
        while (names.Count > 0 && ClassOf(names[0], length) is { } folder)
        {
            var next = length + folder.Length + 1;
            if (!names.All(name => string.CompareOrdinal(name, 0, names[0], 0, next) == 0))
                break;
            length = next;
        }
        return length;
    }
}
