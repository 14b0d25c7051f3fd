namespace Ddpm.Hostile.Corpus;

/// <summary>All that the service is tried with. Nothing of it lies in a file: it is made where it is needed.</summary>
public static class HostileCorpus
{
    public static IReadOnlyList<HostileInput> All { get; } =
        [.. ZipInputs.All(), .. TarInputs.All(), .. FolderInputs.All(), .. PictureInputs.All(), .. ParquetInputs.All(), .. WeightInputs.All(), .. ModelZipInputs.All(), .. JsonInputs.All()];
}
