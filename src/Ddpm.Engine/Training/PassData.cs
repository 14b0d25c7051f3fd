using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Training;

/// <summary>What one forward and backward pass is given.</summary>
/// <param name="Batch">The pictures.</param>
/// <param name="Noise">ε, laid out as the pictures are.</param>
/// <param name="Timesteps">Of each picture.</param>
/// <param name="Labels">Of each picture, some of them replaced by the null class; null for a network that knows no classes.</param>
internal sealed record PassData(ImageBatch Batch, float[] Noise, long[] Timesteps, long[]? Labels);

/// <summary>Makes the data of passes, that of the next one on another thread while a pass is computed.</summary>
/// <remarks>Everything is a function of (seed, index): what was made ahead and what is made on demand are the same.</remarks>
internal sealed class PassDataSource(TrainingConfig config, NoiseScheduleConfig schedule, BatchLoader loader, bool knowsClasses, int? nullClass) : IDisposable
{
    private (long Index, Task<PassData> Data)? _ahead;

    /// <summary>The data of a pass; begins to make the next.</summary>
    /// <param name="index">Of the pass in the run.</param>
    public PassData At(long index)
    {
        Wait(); // also where a run has gone back, and nobody wants it: its work would go on beside this, and past the end of the run
        var data = _ahead is var (made, task) && made == index ? task.GetAwaiter().GetResult() : Make(index);
        _ahead = (index + 1, Task.Run(() => Make(index + 1)));
        return data;
    }

    /// <summary>Waits for what is being made: the dataset may be closed next.</summary>
    public void Dispose() => Wait();

    private void Wait()
    {
        if (_ahead is var (_, task))
            ((IAsyncResult)task).AsyncWaitHandle.WaitOne();
    }

    private PassData Make(long index)
    {
        var batch = loader.BatchAt(index);
        var (count, elements) = (batch.Images.Count, batch.Images.ImageBytes);
        return new PassData(
            batch,
            TrainingNoise.Normal(config.Seed, index, count, elements),
            TrainingNoise.Timesteps(config.Seed, index, count, schedule.Timesteps),
            knowsClasses ? TrainingNoise.Labels(config.Seed, index, batch.Labels, config.LabelDropout, nullClass) : null);
    }
}
