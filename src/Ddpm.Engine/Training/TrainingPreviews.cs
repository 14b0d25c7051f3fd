using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>Draws the pictures by which a run is judged while it goes on: always from the same seed, and class after class where it knows classes.</summary>
internal sealed class TrainingPreviews(TrainingConfig config, NoiseScheduleConfig schedule, ClassNames? classes, Device device)
{
    /// <param name="network">In evaluation mode when this returns; the caller turns that back where it trains this network.</param>
    /// <param name="cancellationToken">Looked at between network calls.</param>
    /// <returns>Null where it was cancelled, since a run then ends with a checkpoint and not with an exception, and where weights that do not become better
    /// draw nothing but infinities: such a run goes back or ends by itself.</returns>
    public PixelBatch? Draw(UNet network, CancellationToken cancellationToken)
    {
        network.eval();
        try
        {
            var request = new SampleRequest
            {
                Count = config.PreviewImages,
                Seed = config.Seed,
                Sampler = config.PreviewSampler,
                ClassLabels = classes is null ? null : [.. Enumerable.Range(0, config.PreviewImages).Select(index => index % classes.Names.Count)],
                Threads = get_num_threads(),
            };
            using var model = DiffusionModel.Of(network, schedule, device, classes);
            return model.Sample(request, progress: null, cancellationToken);
        }
        catch (Exception end) when (end is OperationCanceledException or SamplingException)
        {
            return null;
        }
    }
}
