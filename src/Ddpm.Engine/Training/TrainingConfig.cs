using Ddpm.Engine.Sampling;

namespace Ddpm.Engine.Training;

/// <summary>How to train. The defaults are the article's: AdamW, cosine with warm-up, clipping at 1; plus an average of the weights.</summary>
public sealed record TrainingConfig
{
    /// <summary>Optimizer steps in all. At least 1.</summary>
    public required long TotalSteps { get; init; }

    /// <summary>Pictures of one forward and backward pass. At least 1; default 16.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Passes whose gradients are averaged into one step. At least 1; default 1.</summary>
    public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>Highest learning rate. Above 0; default 1e-4.</summary>
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>Steps over which the rate rises from 0. At least 0; default 500.</summary>
    public int WarmupSteps { get; init; } = 500;

    /// <summary>How the rate moves after the warm-up; default cosine.</summary>
    public LearningRateSchedule LearningRateSchedule { get; init; }

    /// <summary>AdamW's β₁, in [0, 1). Default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>AdamW's β₂, in [0, 1). Default 0.999.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>AdamW's ε. Above 0; default 1e-8.</summary>
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay. At least 0; default 0.01.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Gradients are scaled down to this L2 norm. Above 0; default 1.</summary>
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>Highest decay of the average of the weights; 0 for no average. In [0, 1); default 0.9999.</summary>
    public double EmaDecay { get; init; } = 0.9999;

    /// <summary>How the decay of the average comes to its highest; default <see cref="EmaRise.Ramp"/>.</summary>
    public EmaRise EmaRise { get; init; }

    /// <summary>γ of <see cref="EmaRise.Warmup"/>. Above 0; default 1.</summary>
    public double EmaInvGamma { get; init; } = 1;

    /// <summary>Exponent of <see cref="EmaRise.Warmup"/>. Above 0; default 2/3.</summary>
    public double EmaPower { get; init; } = 2.0 / 3;

    /// <summary>Steps before the average begins; until then it equals the weights. At least 0; default 0.</summary>
    public long EmaUpdateAfterStep { get; init; }

    /// <summary>How much the loss of each timestep counts; default all alike.</summary>
    public LossWeighting LossWeighting { get; init; } = new();

    /// <summary>Probability of training on a picture without its label, so that the network learns the null class too (Ho &amp; Salimans 2022): in [0, 1].
    /// Above 0 only where the network knows the dataset's classes and one more. Default 0.</summary>
    public double LabelDropout { get; init; }

    /// <summary>What the network computes in; default float32.</summary>
    public TrainingPrecision Precision { get; init; }

    /// <summary>Keep only the inputs of the network's blocks for the backward pass: less memory, a third more time, the same gradients.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>So many steps in a row whose loss or gradient is not finite, and the run goes back to its newest checkpoint with half the learning rate.
    /// At least 1; default 5.</summary>
    public int SkippedStepsBeforeRollback { get; init; } = 5;

    /// <summary>How often a run may go back before it fails. At least 0; default 3.</summary>
    public int MaxRollbacks { get; init; } = 3;

    /// <summary>The run ends, with a checkpoint, at the first step that ends so long after <see cref="Trainer.Run"/> was called; null for no such limit. Above 0.
    /// The learning rate still follows <see cref="TotalSteps"/>.</summary>
    public TimeSpan? MaxDuration { get; init; }

    /// <summary>Mirror each picture left to right with probability one half.</summary>
    public bool HorizontalFlip { get; init; } = true;

    /// <summary>Decides first weights, order, flips, noise, timesteps and dropout.</summary>
    public ulong Seed { get; init; }

    /// <summary>Pictures of a preview; default 16.</summary>
    public int PreviewImages { get; init; } = 16;

    /// <summary>How previews are drawn.</summary>
    public SamplerConfig PreviewSampler { get; init; } = new();

    /// <summary>A preview after every so many steps, and at the end; null for none at all.</summary>
    public long? PreviewEverySteps { get; init; }

    /// <summary>A checkpoint after every so many steps, besides the one at the end; null for only that.</summary>
    public long? CheckpointEverySteps { get; init; }

    internal EmaSchedule EmaSchedule => new()
    {
        Decay = EmaDecay,
        MinDecay = EmaRise == EmaRise.Fixed ? EmaDecay : 0,
        UpdateAfterStep = EmaUpdateAfterStep,
        UseEmaWarmup = EmaRise == EmaRise.Warmup,
        InvGamma = EmaInvGamma,
        Power = EmaPower,
    };

    /// <summary>What is wrong with it, a sentence a fault; none where it is sound.</summary>
    public IEnumerable<string> Faults()
    {
        var positive = new (string Name, double Value)[]
        {
            (nameof(TotalSteps), TotalSteps), (nameof(BatchSize), BatchSize), (nameof(GradientAccumulationSteps), GradientAccumulationSteps),
            (nameof(LearningRate), LearningRate), (nameof(AdamEpsilon), AdamEpsilon), (nameof(MaxGradNorm), MaxGradNorm),
            (nameof(EmaInvGamma), EmaInvGamma), (nameof(EmaPower), EmaPower), (nameof(SkippedStepsBeforeRollback), SkippedStepsBeforeRollback),
            (nameof(LossWeighting.MinSnrGamma), LossWeighting.MinSnrGamma), (nameof(LossWeighting.P2K), LossWeighting.P2K), (nameof(MaxDuration), MaxDuration?.TotalSeconds ?? 1),
            (nameof(PreviewImages), PreviewImages), (nameof(PreviewEverySteps), PreviewEverySteps ?? 1), (nameof(CheckpointEverySteps), CheckpointEverySteps ?? 1),
        };
        var shares = new (string Name, double Value)[] { (nameof(Beta1), Beta1), (nameof(Beta2), Beta2), (nameof(EmaDecay), EmaDecay) };
        var amounts = new (string Name, double Value)[]
        {
            (nameof(WarmupSteps), WarmupSteps), (nameof(WeightDecay), WeightDecay),
            (nameof(EmaUpdateAfterStep), EmaUpdateAfterStep), (nameof(MaxRollbacks), MaxRollbacks), (nameof(LossWeighting.P2Gamma), LossWeighting.P2Gamma),
        };
        return positive.Where(field => !(field.Value > 0 && double.IsFinite(field.Value))).Select(field => Fault(field, "a number above 0 is needed"))
            .Concat(shares.Where(field => !(field.Value is >= 0 and < 1)).Select(field => Fault(field, "0 up to, but not, 1 is accepted")))
            .Concat(amounts.Where(field => !(field.Value >= 0 && double.IsFinite(field.Value))).Select(field => Fault(field, "0 or more is needed")))
            .Concat(LabelDropout is >= 0 and <= 1 ? [] : [Fault((nameof(LabelDropout), LabelDropout), "0 to 1 is accepted")]);

        static string Fault((string Name, double Value) field, string accepted) => FormattableString.Invariant($"{field.Name} is {field.Value}; {accepted}.");
    }
}
