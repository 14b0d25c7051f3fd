namespace Ddpm.Hostile.Corpus;

/// <summary>What reads an input.</summary>
public enum InputKind
{
    /// <summary>A zip, tar or tar.gz of pictures.</summary>
    Archive,

    /// <summary>A folder of pictures.</summary>
    Folder,

    /// <summary>One picture, in a folder.</summary>
    Picture,

    /// <summary>A parquet file of pictures.</summary>
    Parquet,

    /// <summary>A safetensors file.</summary>
    Weights,

    /// <summary>A zip of a diffusers folder.</summary>
    ModelZip,

    /// <summary>A network's <c>config.json</c>.</summary>
    Network,

    /// <summary>A <c>scheduler_config.json</c>.</summary>
    Schedule,

    /// <summary>A <c>classes.json</c>.</summary>
    Classes,

    /// <summary>A folder with an index of weights in several files.</summary>
    Index,

    /// <summary>The body of <c>POST /samples</c>.</summary>
    Request,
}

/// <summary>An input that somebody may send to do harm, made anew by code wherever it is needed.</summary>
/// <param name="Kind">What reads it.</param>
/// <param name="Name">Unique in its kind.</param>
/// <param name="Make">Writes it to a path: a file, for <see cref="InputKind.Folder"/> and <see cref="InputKind.Index"/> a folder that is there.</param>
/// <param name="Refusal">A part of the sentence it must be refused with; null where it must be accepted; empty where either will do, as long as it is a sentence:
/// how much of a damaged file can still be read is its decoder's to say.</param>
public sealed record HostileInput(InputKind Kind, string Name, Action<string> Make, string? Refusal)
{
    /// <summary>Whether making or reading it takes so much that it is tried in a process of its own, whose memory is measured.</summary>
    public bool IsHeavy { get; init; }

    public static HostileInput Of(InputKind kind, string name, Func<byte[]> content, string? refusal) =>
        new(kind, name, path => File.WriteAllBytes(path, content()), refusal);

    public override string ToString() => $"{Kind}: {Name}";
}
