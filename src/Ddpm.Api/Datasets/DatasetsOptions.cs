using System.ComponentModel.DataAnnotations;

namespace Ddpm.Api.Datasets;

/// <summary>Settings below <c>Datasets</c>.</summary>
internal sealed record DatasetsOptions
{
    /// <summary>Most bytes of one upload, datasets and models alike. From 1 KiB to 1 TiB; default 2 GiB.</summary>
    [Range(1024.0, 1_099_511_627_776.0)]
    public long MaxUploadBytes { get; init; } = 2L << 30;

    /// <summary>Folders that sources of the kind <c>directory</c> may lie under; none by default.</summary>
    public IReadOnlyList<string> AllowedRoots { get; init; } = [];
}
