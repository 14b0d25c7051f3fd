using Ddpm.Engine.Data;
using Ddpm.Jobs.Storage;
using Ddpm.Worker.Life;
using Dataset = Ddpm.Jobs.Datasets.Dataset;

namespace Ddpm.Worker.Datasets;

/// <summary>Opens the pictures of a dataset that was made before.</summary>
internal static class DatasetFolder
{
    /// <param name="artifacts">Where they lie.</param>
    /// <param name="dataset">Whose pictures.</param>
    /// <param name="remedy">What to do once the dataset has been made again: the end of a sentence.</param>
    /// <returns>What was recorded when it was made; the caller disposes it.</returns>
    /// <exception cref="JobFailedException">They are gone or damaged.</exception>
    public static ImageDataset Open(ArtifactStore artifacts, Dataset? dataset, string remedy)
    {
        if (dataset?.CacheKey is not { } key || !artifacts.Exists(key))
            throw new JobFailedException($"The pictures of the dataset are not there any more. Make the dataset again and {remedy}.");
        ImageDataset? pictures = null;
        try
        {
            pictures = ImageDataset.Open(artifacts.PathOf(key));
            pictures.Verify();
            return pictures;
        }
        catch (Exception damage) when (damage is DatasetException or FileNotFoundException)
        {
            pictures?.Dispose();
            throw new JobFailedException($"The pictures of the dataset are damaged ({damage.Message.TrimEnd('.')}). Make the dataset again and {remedy}.", damage);
        }
    }
}
