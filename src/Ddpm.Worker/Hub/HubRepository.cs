using System.Text.RegularExpressions;

namespace Ddpm.Worker.Hub;

/// <summary>A repository at a revision.</summary>
/// <param name="IsDataset">Of pictures; otherwise of a model.</param>
/// <param name="Id">Owner and name, such as <c>huggan/anime-faces</c>.</param>
/// <param name="Revision">A branch, tag or commit.</param>
public sealed partial record HubRepository(bool IsDataset, string Id, string Revision)
{
    /// <summary>The branch that is meant where none is named.</summary>
    public const string UsualRevision = "main";

    /// <summary>What an id looks like.</summary>
    public const string IdPattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?$";

    private const int LongestRevision = 200;

    internal string Kind => IsDataset ? "dataset" : "model";

    /// <summary>Path of the hub's answers about it, below its address.</summary>
    internal string ApiPath => $"api/{(IsDataset ? "datasets" : "models")}/{Id}";

    /// <summary>Where its files lie in a cache.</summary>
    internal string CacheName => $"{(IsDataset ? "datasets" : "models")}--{Id.Replace("/", "--", StringComparison.Ordinal)}";

    /// <summary>Path of a file of a commit, below the hub's address.</summary>
    internal string FilePath(string commit, string file) =>
        $"{(IsDataset ? "datasets/" : "")}{Id}/resolve/{commit}/{string.Join('/', file.Split('/').Select(Uri.EscapeDataString))}";

    /// <exception cref="HubException">Id or revision cannot be one.</exception>
    internal void Check()
    {
        if (!IdRegex().IsMatch(Id) || Id.Contains("..", StringComparison.Ordinal))
            throw new HubException($"'{Id}' is no repository of the hub; owner/name is accepted, such as huggan/anime-faces.");
        if (Revision.Length is 0 or > LongestRevision || Revision.Any(char.IsControl) || Revision.Split('/').Any(part => part is "" or "." or ".."))
            throw new HubException($"'{Revision}' is no revision; a branch, tag or commit is accepted.");
    }

    /// <inheritdoc/>
    public override string ToString() => Revision == UsualRevision ? $"the {Kind} {Id}" : $"the {Kind} {Id} at {Revision}";

    [GeneratedRegex(IdPattern)]
    private static partial Regex IdRegex();
}

/// <summary>A file of a repository.</summary>
/// <param name="Path">With forward slashes; leads nowhere outside.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Of its content, where it is a large file.</param>
/// <param name="GitBlob">Git's id of its content, where it is not: SHA-1 of a short head and the content.</param>
public sealed record HubFile(string Path, long Bytes, string? Sha256, string? GitBlob);
