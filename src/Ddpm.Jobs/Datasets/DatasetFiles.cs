using System.Globalization;

namespace Ddpm.Jobs.Datasets;

/// <summary>What lies beside the caches of a dataset's attempts.</summary>
public static class DatasetFiles
{
    /// <summary>Artifact key of the folder of what evaluations have worked out of its pictures.</summary>
    public static string FeaturesOf(Guid dataset) => string.Create(CultureInfo.InvariantCulture, $"datasets/{dataset}/features");
}
