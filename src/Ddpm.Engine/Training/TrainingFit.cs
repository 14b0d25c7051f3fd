using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;

namespace Ddpm.Engine.Training;

/// <summary>Whether configuration, network, schedule and dataset fit each other: found out before anything is built.</summary>
internal static class TrainingFit
{
    /// <returns>What the labels of a class-conditional network stand for; null for an unconditional one.</returns>
    /// <exception cref="TrainingException">With a sentence for each fault.</exception>
    /// <exception cref="UNetConfigException">The network cannot be built.</exception>
    public static ClassNames? Check(TrainingConfig config, UNetConfig network, NoiseScheduleConfig schedule, ImageDataset dataset)
    {
        network.Validate();
        var faults = config.Faults().Concat(schedule.Faults()).Concat(PictureFaults(network, dataset)).Concat(ClassFaults(config, network, dataset)).ToList();
        if (faults.Count > 0)
            throw new TrainingException(string.Join(" ", faults));
        CheckPreviews(schedule, config.PreviewSampler);
        return network.NumClassEmbeds is null ? null : new ClassNames(dataset.Classes, config.LabelDropout > 0 ? dataset.Classes.Count : null);
    }

    /// <summary>Refuses a checkpoint from which another run would come than the one that wrote it.</summary>
    /// <exception cref="TrainingException">It is of other pictures, of another seed, or of steps of another size.</exception>
    public static void CheckResumed(TrainingCheckpoint.State state, TrainingConfig config, ImageDataset dataset)
    {
        if (state.DatasetSha256 != dataset.Sha256)
            throw new TrainingException("The checkpoint was trained on other pictures: its dataset's SHA-256 differs.");
        if (state.Seed != config.Seed)
            throw new TrainingException($"The checkpoint was trained with seed {state.Seed}, not {config.Seed}.");
        if (state.BatchSize != 0 && (state.BatchSize, state.GradientAccumulationSteps) != (config.BatchSize, config.GradientAccumulationSteps))
            throw new TrainingException(
                $"The checkpoint was trained with batches of {state.BatchSize} and {state.GradientAccumulationSteps} passes a step; with {config.BatchSize} and {config.GradientAccumulationSteps} pictures would be skipped or come again.");
    }

    private static IEnumerable<string> PictureFaults(UNetConfig network, ImageDataset dataset)
    {
        if (network.InChannels != dataset.Channels || network.OutChannels != dataset.Channels)
            yield return $"The network has in_channels {network.InChannels} and out_channels {network.OutChannels}; the pictures have {dataset.Channels} channels.";
        if (network.SampleSize is { } size && (size != dataset.Height || size != dataset.Width))
            yield return $"The network's sample_size is {size}; the pictures are {dataset.Width}×{dataset.Height}.";
        if (dataset.Height % network.SizeMultiple != 0 || dataset.Width % network.SizeMultiple != 0)
            yield return $"Pictures of {dataset.Width}×{dataset.Height} cannot be halved {network.BlockOutChannels.Count - 1} times: sizes must be multiples of {network.SizeMultiple}, or the network needs fewer levels.";
        if (network.TimeEmbeddingType == "fourier")
            yield return "The network embeds the logarithm of the timestep, which timestep 0 has not: time_embedding_type must be positional.";
    }

    private static IEnumerable<string> ClassFaults(TrainingConfig config, UNetConfig network, ImageDataset dataset)
    {
        if (network.NumClassEmbeds is not { } labels)
        {
            if (config.LabelDropout > 0)
                yield return "LabelDropout is above 0, but the network knows no classes: num_class_embeds must be set, or LabelDropout 0.";
            yield break;
        }

        var needed = dataset.Classes.Count + (config.LabelDropout > 0 ? 1 : 0);
        if (dataset.Classes.Count == 0)
            yield return "The network is to know classes, but the dataset has none: put the pictures of each class into a sub-folder of its own.";
        else if (labels != needed)
            yield return $"num_class_embeds is {labels}; the dataset has {dataset.Classes.Count} classes, which makes {needed}{(config.LabelDropout > 0 ? " with the null class of label dropout" : "")}.";
        else if (config.LabelDropout == 0 && Enumerable.Range(0, dataset.Count).Count(index => dataset.LabelOf(index) < 0) is var strays and > 0)
            yield return $"{strays} of {dataset.Count} pictures have no class: put them into sub-folders, or train with label dropout, whose null class takes them.";
    }

    // Now, and not at the first preview.
    private static void CheckPreviews(NoiseScheduleConfig schedule, SamplerConfig sampler)
    {
        try
        {
            SamplingPlan.For(schedule, sampler);
        }
        catch (Exception fault) when (fault is SamplingException or ArgumentException)
        {
            throw new TrainingException(fault.Message);
        }
    }
}
