using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Training;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Training;
using Ddpm.Worker.Life;

namespace Ddpm.Worker;

/// <summary>Translates what was asked (specs, public) into what the engine takes (configs): the only place that knows both.</summary>
internal static class SpecMapping
{
    /// <summary>Where nothing else is asked, previews and checkpoints of tiny datasets, whose epochs last a few steps, are at least so many steps
    /// apart: a preview takes as long as some 20 to 50 steps. <see cref="OptimizationSpec"/> says so to those who ask.</summary>
    private const long FewestStepsBetween = 50;

    /// <summary>The network for pictures of a dataset.</summary>
    public static UNetConfig ToNetwork(TrainingSpec asked, ImageDataset dataset)
    {
        var spec = asked.Network;
        var down = spec.DownBlockTypes ?? UNetConfig.ArticleDownBlocks(spec.BlockOutChannels.Count);
        return new UNetConfig
        {
            SampleSize = dataset.Height,
            InChannels = dataset.Channels,
            OutChannels = dataset.Channels,
            BlockOutChannels = spec.BlockOutChannels,
            LayersPerBlock = spec.LayersPerBlock,
            DownBlockTypes = down,
            UpBlockTypes = spec.UpBlockTypes ?? UNetConfig.MirroredUpBlocks(down),
            AttentionHeadDim = spec.AttentionHeadDim,
            NormNumGroups = spec.NormNumGroups,
            Dropout = spec.Dropout,
            NumClassEmbeds = spec.ClassConditional ? dataset.Classes.Count + (LabelDropoutOf(asked) > 0 ? 1 : 0) : null,
        };
    }

    /// <summary>The noise schedule.</summary>
    public static NoiseScheduleConfig ToSchedule(ScheduleSpec spec) => new()
    {
        Timesteps = spec.Timesteps,
        BetaStart = spec.BetaStart,
        BetaEnd = spec.BetaEnd,
        BetaSchedule = spec.BetaSchedule,
        PredictionType = spec.PredictionType,
        RescaleBetasZeroSnr = spec.RescaleBetasZeroSnr,
        TimestepSpacing = spec.RescaleBetasZeroSnr ? "trailing" : null, // leading would never visit the timestep it is about: Lin et al. 2024, §3.3
    };

    /// <summary>The training, with epochs counted out in steps.</summary>
    public static TrainingConfig ToTraining(TrainingSpec asked, int images)
    {
        var spec = asked.Training;
        var config = new TrainingConfig
        {
            TotalSteps = 1,
            BatchSize = spec.BatchSize,
            GradientAccumulationSteps = spec.GradientAccumulationSteps,
            LearningRate = spec.LearningRate,
            WarmupSteps = spec.WarmupSteps,
            LearningRateSchedule = Choice<LearningRateSchedule>("learningRateSchedule", spec.LearningRateSchedule),
            WeightDecay = spec.WeightDecay,
            MaxGradNorm = spec.MaxGradNorm,
            EmaDecay = spec.EmaDecay,
            EmaRise = Choice<EmaRise>("emaSchedule", spec.EmaSchedule),
            EmaInvGamma = spec.EmaInvGamma,
            EmaPower = spec.EmaPower,
            EmaUpdateAfterStep = spec.EmaUpdateAfterStep,
            LossWeighting = new LossWeighting
            {
                Kind = Choice<LossWeightingKind>("lossWeighting", spec.LossWeighting),
                MinSnrGamma = spec.MinSnrGamma,
                P2K = spec.P2K,
                P2Gamma = spec.P2Gamma,
            },
            LabelDropout = LabelDropoutOf(asked),
            Precision = Choice<TrainingPrecision>("precision", spec.Precision),
            GradientCheckpointing = spec.GradientCheckpointing,
            SkippedStepsBeforeRollback = spec.SkippedStepsBeforeRollback,
            MaxRollbacks = spec.MaxRollbacks,
            MaxDuration = spec.MaxSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            HorizontalFlip = spec.HorizontalFlip,
            Seed = (ulong)spec.Seed,
        };
        var epoch = Trainer.StepsPerEpoch(images, config);
        return config with
        {
            TotalSteps = spec.Steps ?? Trainer.StepsOf(spec.Epochs, images, config),
            PreviewEverySteps = spec.PreviewEveryEpochs * epoch ?? AtLeastApart(epoch),
            CheckpointEverySteps = spec.CheckpointEverySteps ?? AtLeastApart(epoch),
        };
    }

    private static double LabelDropoutOf(TrainingSpec spec) => spec.Network.ClassConditional ? spec.Training.LabelDropout ?? OptimizationSpec.UsualLabelDropout : 0;

    // min_snr is MinSnr.
    private static T Choice<T>(string field, string word)
        where T : struct, Enum =>
        Enum.TryParse<T>(word.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out var choice) && Enum.IsDefined(choice)
            ? choice : throw new JobFailedException($"{field} is '{word}', which this worker does not know.");

    /// <summary>What is to be drawn.</summary>
    /// <exception cref="SamplingException">There is no such sampler.</exception>
    /// <exception cref="JobFailedException">There is no such spacing.</exception>
    public static SampleRequest ToRequest(SamplingSpec spec) => new()
    {
        Count = spec.Count,
        FirstImage = spec.FirstImage,
        Seed = (ulong)spec.Seed,
        ClassLabels = spec.ClassLabels,
        GuidanceScale = spec.GuidanceScale,
        Sampler = new SamplerConfig
        {
            Kind = spec.Sampler is { } sampler ? SamplerKinds.Parse(sampler) : null,
            Steps = spec.Timesteps is null ? spec.Steps : null,
            Timesteps = spec.Timesteps,
            Eta = spec.Eta,
            Spacing = spec.TimestepSpacing switch
            {
                null => null,
                "leading" => TimestepSpacing.Leading,
                "trailing" => TimestepSpacing.Trailing,
                "linspace" => TimestepSpacing.Linspace,
                "quadratic" => TimestepSpacing.Quadratic,
                _ => throw new JobFailedException($"There is no timestep spacing '{spec.TimestepSpacing}'; there are leading, trailing, linspace, quadratic."),
            },
            Order = spec.Order,
            Karras = spec.Karras,
            ClipSample = spec.ClipSample,
        },
    };

    /// <summary>What the network computes in.</summary>
    /// <exception cref="JobFailedException">There is no such precision.</exception>
    public static SamplingPrecision ToPrecision(SamplingSpec spec) => Choice<SamplingPrecision>("precision", spec.Precision);

    /// <summary>Rows and columns of the grid: what was asked, completed to hold all pictures.</summary>
    /// <exception cref="JobFailedException">The pictures do not fit.</exception>
    public static (int Rows, int Columns) ToLayout(SamplingSpec spec)
    {
        try
        {
            return ImageGrid.LayoutFor(spec.Count, spec.Rows, spec.Columns);
        }
        catch (ArgumentException fault)
        {
            throw new JobFailedException(fault.Message, fault);
        }
    }

    /// <summary>What is made of a dataset's pictures.</summary>
    public static DatasetOptions ToOptions(DatasetSpec spec) => new()
    {
        Resolution = spec.Resolution,
        Channels = spec.Channels,
        Limit = spec.Limit,
        Deduplicate = spec.Deduplicate,
        Background = Rgb.Parse(spec.Background),
    };

    // A multiple of the interval, so that it still falls on ends of epochs.
    private static long AtLeastApart(long steps) => steps * ((FewestStepsBetween + steps - 1) / steps);
}
