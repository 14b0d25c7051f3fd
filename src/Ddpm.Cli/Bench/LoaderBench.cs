using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Data;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>How fast batches are made, beside how fast they are used up.</summary>
/// <param name="Batch">Pictures of a batch.</param>
/// <param name="PicturesPerSecond">That are shuffled, mirrored and copied by one thread, in each turn.</param>
/// <param name="PreparedPerSecond">With the noise of Algorithm 1, which a training step needs too.</param>
/// <param name="TrainedPerSecond">That the trainer takes in bfloat16, its fastest, in each turn.</param>
internal sealed record LoaderBenchResult(int Batch, IReadOnlyList<double> PicturesPerSecond, IReadOnlyList<double> PreparedPerSecond, IReadOnlyList<double> TrainedPerSecond)
{
    /// <summary>How many times faster batches are made, noise included, than used up, in each turn.</summary>
    public IReadOnlyList<double> Ratios => [.. PreparedPerSecond.Zip(TrainedPerSecond, (made, used) => made / used)];
}

/// <summary>Batches of pictures and noise against steps of training, in turns.</summary>
internal static class LoaderBench
{
    private const int BatchesPerTurn = 50;
    private const int Pictures = 2000;

    /// <param name="network">With a sample size.</param>
    /// <param name="batch">Pictures of a batch.</param>
    /// <param name="turns">How often each is measured.</param>
    /// <param name="device">Where the network is trained.</param>
    /// <param name="cancellationToken">Looked at between turns.</param>
    public static LoaderBenchResult Run(UNetConfig network, int batch, int turns, Device device, CancellationToken cancellationToken)
    {
        TorchRuntime.Initialize();
        using var folder = new TemporaryFolder();
        using var dataset = TrainingBench.Faces(Pictures, network.SampleSize ?? throw new UserErrorException("The network's sample_size must be known to train it."), folder, cancellationToken);
        var config = new TrainingConfig { TotalSteps = turns + 3, BatchSize = batch, Precision = TrainingPrecision.BFloat16 };
        using var trainer = new SteppedTrainer(config, network, dataset, device, folder.Below("run"));
        var loader = new BatchLoader(dataset, batch, seed: 0, horizontalFlip: true);
        var noise = new float[batch * dataset.ImageBytes];
        var next = 0L;
        trainer.Step(2);
        Load(withNoise: true);
        var (loaded, prepared, trained) = (new List<double>(), new List<double>(), new List<double>());
        for (var turn = 0; turn < turns; turn++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            loaded.Add(batch * BatchesPerTurn / Turns.Seconds(CPU, () => Load(withNoise: false)));
            prepared.Add(batch * BatchesPerTurn / Turns.Seconds(CPU, () => Load(withNoise: true)));
            trained.Add(batch / Turns.Seconds(device, () => trainer.Step(1)));
        }

        return new LoaderBenchResult(batch, loaded, prepared, trained);

        void Load(bool withNoise)
        {
            for (var n = 0; n < BatchesPerTurn; n++)
            {
                var images = loader.BatchAt(next++).Images;
                for (var place = 0; withNoise && place < images.Count; place++)
                    PhiloxNoise.Fill(0, (uint)place, (uint)next, noise.AsSpan(place * images.ImageBytes, images.ImageBytes), NoisePurpose.TrainingNoise);
            }
        }
    }
}
