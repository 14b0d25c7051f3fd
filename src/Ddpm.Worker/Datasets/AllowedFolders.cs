using Ddpm.Worker.Life;

namespace Ddpm.Worker.Datasets;

/// <summary>Folders that sources of the kind <c>directory</c> may lie under: <c>Datasets:AllowedRoots</c>. None by default.</summary>
internal sealed class AllowedFolders(IConfiguration configuration)
{
    private readonly string[] _roots = configuration.GetSection("Datasets:AllowedRoots").Get<string[]>() ?? [];

    /// <returns>The folder with all links resolved.</returns>
    /// <exception cref="JobFailedException">It lies elsewhere, also by way of a link.</exception>
    public string Check(string path)
    {
        var folder = Resolve(path);
        return _roots.Any(root => IsUnder(Resolve(root), folder))
            ? folder
            : throw new JobFailedException(
                $"The folder '{path}' does not lie under one that this worker may read (Datasets:AllowedRoots). Allow it there, or upload an archive.");
    }

    private static bool IsUnder(string root, string folder) =>
        folder == root || folder.StartsWith(Path.EndsInDirectorySeparator(root) ? root : root + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    // Link by link from the root: ResolveLinkTarget looks at the last part only.
    private static string Resolve(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Path.GetDirectoryName(full) is not { } parent)
            return full;
        var here = Path.Combine(Resolve(parent), Path.GetFileName(full));
        return new DirectoryInfo(here) is { LinkTarget: not null } link && link.ResolveLinkTarget(returnFinalTarget: true) is { } target ? Resolve(target.FullName) : here;
    }
}
