using Ddpm.Api.Http;
using Ddpm.Jobs.Datasets;

namespace Ddpm.Api.Datasets;

/// <summary>Checks of a dataset request that no single field can show.</summary>
internal static class DatasetRules
{
    private const int DefaultBuiltinCount = 10_000;
    private const long MaxBuiltinBytes = 32L << 30;

    /// <exception cref="RequestProblem">The source cannot be read, or is too large.</exception>
    public static DatasetSource SourceOf(CreateDataset request, DatasetsOptions options)
    {
        var faults = new Faults();
        foreach (var (field, kinds) in Strays(request.Source))
            faults.Add($"source.{field}", $"belongs to {kinds}; leave it out for the kind {request.Source.Kind}");
        var source = request.Source.Kind switch
        {
            CreateDatasetSource.Directory => DirectoryOf(request.Source, options, faults),
            CreateDatasetSource.Huggingface => HubOf(request.Source, faults),
            _ => BuiltinOf(request, faults),
        };
        faults.ThrowIfAny();
        return source;
    }

    private static IEnumerable<(string Field, string Kinds)> Strays(CreateDatasetSource asked)
    {
        const string directory = CreateDatasetSource.Directory, hub = CreateDatasetSource.Huggingface, builtin = CreateDatasetSource.Builtin;
        (string Field, bool Given, string[] Kinds)[] fields =
        [
            ("path", asked.Path is not null, [directory]),
            ("repository", asked.Repository is not null, [hub]),
            ("revision", asked.Revision is not null, [hub]),
            ("split", asked.Split is not null, [directory, hub]),
            ("imageColumn", asked.ImageColumn is not null, [directory, hub]),
            ("labelColumn", asked.LabelColumn is not null, [directory, hub]),
            ("name", asked.Name is not null, [builtin]),
            ("count", asked.Count is not null, [builtin]),
            ("seed", asked.Seed is not null, [builtin]),
        ];
        return fields.Where(field => field.Given && !field.Kinds.Contains(asked.Kind)).Select(field => (field.Field, $"the kind {string.Join(" or ", field.Kinds)}"));
    }

    private static DatasetSource DirectoryOf(CreateDatasetSource asked, DatasetsOptions options, Faults faults)
    {
        if (asked.Path is null)
            faults.Add("source.path", "is required for the kind directory");
        else if (!options.AllowedRoots.Any(root => IsUnder(root, asked.Path)))
            faults.Add("source.path", NotAllowed(options.AllowedRoots));
        return new() { Kind = DatasetSourceKind.Directory, Path = asked.Path, Split = asked.Split, ImageColumn = asked.ImageColumn, LabelColumn = asked.LabelColumn };
    }

    private static DatasetSource HubOf(CreateDatasetSource asked, Faults faults)
    {
        if (asked.Repository is null)
            faults.Add("source.repository", "is required for the kind huggingface, such as huggan/anime-faces");
        return new()
        {
            Kind = DatasetSourceKind.Huggingface,
            Repository = asked.Repository,
            Revision = asked.Revision,
            Split = asked.Split,
            ImageColumn = asked.ImageColumn,
            LabelColumn = asked.LabelColumn,
        };
    }

    private static DatasetSource BuiltinOf(CreateDataset request, Faults faults)
    {
        var count = request.Source.Count ?? DefaultBuiltinCount;
        var bytes = (long)Math.Min(count, request.Limit ?? count) * request.Resolution * request.Resolution * request.Channels;
        if (bytes > MaxBuiltinBytes)
            faults.Add("source.count", $"makes {bytes >> 30} GiB of pixels at this resolution; at most {MaxBuiltinBytes >> 30} GiB are allowed");
        return new() { Kind = DatasetSourceKind.Builtin, Name = request.Source.Name ?? "faces", Count = count, Seed = request.Source.Seed ?? 0 };
    }

    // Only the text is compared here; the worker, whose disk it is, resolves links before it reads.
    private static bool IsUnder(string root, string path)
    {
        if (!Path.IsPathFullyQualified(path))
            return false;
        var relative = Path.GetRelativePath(Path.GetFullPath(root), Path.GetFullPath(path));
        return !Path.IsPathRooted(relative) && relative.Split(Path.DirectorySeparatorChar)[0] != "..";
    }

    private static string NotAllowed(IReadOnlyList<string> roots) => roots.Count == 0
        ? "cannot be used: no folder is allowed. Allow one with the setting Datasets:AllowedRoots (environment: Datasets__AllowedRoots__0), or upload an archive"
        : $"must be an absolute path under {string.Join(" or ", roots)}, the folders that Datasets:AllowedRoots lists";
}
