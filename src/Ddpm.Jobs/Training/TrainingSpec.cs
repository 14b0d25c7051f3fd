using System.ComponentModel.DataAnnotations;

namespace Ddpm.Jobs.Training;

/// <summary>What was asked of a training run. Every field is optional; the defaults are the article's.</summary>
public sealed record TrainingSpec
{
    /// <summary>The network to train.</summary>
    public NetworkSpec Network { get; init; } = new();

    /// <summary>The noise schedule.</summary>
    public ScheduleSpec Schedule { get; init; } = new();

    /// <summary>How to train.</summary>
    public OptimizationSpec Training { get; init; } = new();
}

/// <summary>A UNet2DModel, in diffusers' words. Resolution and colour channels come from the dataset.</summary>
public sealed record NetworkSpec
{
    /// <summary>Channels of each level, from the full resolution down; 1 to 8 levels, each a multiple of <see cref="NormNumGroups"/>, at most 2048.</summary>
    [Length(1, 8)]
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [128, 128, 256, 256, 512, 512];

    /// <summary>Residual blocks of each level. From 1 to 8.</summary>
    [Range(1, 8)]
    public int LayersPerBlock { get; init; } = 2;

    /// <summary><c>DownBlock2D</c> or <c>AttnDownBlock2D</c> for each level; null puts attention at the second level from the bottom, as the article does.</summary>
    public IReadOnlyList<string>? DownBlockTypes { get; init; }

    /// <summary><c>UpBlock2D</c> or <c>AttnUpBlock2D</c>, from the bottom up; null mirrors the down blocks.</summary>
    public IReadOnlyList<string>? UpBlockTypes { get; init; }

    /// <summary>Channels of each attention head; default 8, diffusers'.</summary>
    [Range(1, 1024)]
    public int AttentionHeadDim { get; init; } = 8;

    /// <summary>Groups of every GroupNorm. From 1 to 256; default 32.</summary>
    [Range(1, 256)]
    public int NormNumGroups { get; init; } = 32;

    /// <summary>Probability of dropping an activation inside residual blocks. From 0 to 0.9.</summary>
    [Range(0.0, 0.9)]
    public double Dropout { get; init; }

    /// <summary>Learn the dataset's classes, its sub-folders, so that samples can be asked for by class.</summary>
    public bool ClassConditional { get; init; }
}

/// <summary>A noise schedule.</summary>
public sealed record ScheduleSpec
{
    /// <summary>Diffusion steps T of the training schedule. From 10 to 10,000.</summary>
    [Range(10, 10_000)]
    public int Timesteps { get; init; } = 1000;

    /// <summary>β_1. From 1e-6 to 0.5, and not above <see cref="BetaEnd"/>.</summary>
    [Range(1e-6, 0.5)]
    public double BetaStart { get; init; } = 1e-4;

    /// <summary>β_T. From 1e-6 to 0.999.</summary>
    [Range(1e-6, 0.999)]
    public double BetaEnd { get; init; } = 0.02;

    /// <summary>Shape: <c>linear</c> (Ho et al. 2020), <c>scaled_linear</c>, <c>squaredcos_cap_v2</c> (cosine, Nichol &amp; Dhariwal 2021) or <c>sigmoid</c>.</summary>
    [AllowedValues("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", ErrorMessage = "must be linear, scaled_linear, squaredcos_cap_v2 or sigmoid.")]
    public string BetaSchedule { get; init; } = "linear";

    /// <summary>Leave nothing of the picture at the last timestep, so that very dark and very bright pictures can be drawn (Lin et al. 2024). Needs another
    /// prediction type than epsilon; samples then visit the last timestep (trailing spacing).</summary>
    public bool RescaleBetasZeroSnr { get; init; }

    /// <summary>What the network learns to predict: <c>epsilon</c> (the noise; Ho et al. 2020), <c>sample</c> (x_0) or <c>v_prediction</c> (Salimans &amp; Ho 2022).</summary>
    [AllowedValues("epsilon", "sample", "v_prediction", ErrorMessage = "must be epsilon, sample or v_prediction.")]
    public string PredictionType { get; init; } = "epsilon";
}

/// <summary>How to train.</summary>
public sealed record OptimizationSpec
{
    /// <summary>What <see cref="LabelDropout"/> is where it is not given.</summary>
    public const double UsualLabelDropout = 0.1;

    /// <summary>Passes over the dataset. From 1 to 100,000; default 50. Ignored where <see cref="Steps"/> is given.</summary>
    [Range(1, 100_000)]
    public int Epochs { get; init; } = 50;

    /// <summary>Optimizer steps in all, instead of epochs. From 1 to 100,000,000.</summary>
    [Range(1, 100_000_000)]
    public int? Steps { get; init; }

    /// <summary>Pictures of one forward and backward pass. From 1 to 4096.</summary>
    [Range(1, 4096)]
    public int BatchSize { get; init; } = 16;

    /// <summary>Passes whose gradients are averaged into one optimizer step. From 1 to 1024.</summary>
    [Range(1, 1024)]
    public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>Highest learning rate of AdamW. From 1e-8 to 1.</summary>
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>Steps over which the rate rises from 0. From 0 to 1,000,000.</summary>
    [Range(0, 1_000_000)]
    public int WarmupSteps { get; init; } = 500;

    /// <summary>How the rate moves after the warm-up: <c>cosine</c> or <c>linear</c> down to 0, or <c>constant</c>.</summary>
    [AllowedValues("cosine", "linear", "constant", ErrorMessage = "must be cosine, linear or constant.")]
    public string LearningRateSchedule { get; init; } = "cosine";

    /// <summary>Decoupled weight decay of AdamW. From 0 to 1.</summary>
    [Range(0.0, 1.0)]
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Gradients are scaled down to this L2 norm. From 1e-3 to 1000.</summary>
    [Range(1e-3, 1e3)]
    public double MaxGradNorm { get; init; } = 1.0;

    /// <summary>Highest decay of the exponential moving average of the weights; 0 turns the average off. From 0 to 0.999999.</summary>
    [Range(0.0, 0.999999)]
    public double EmaDecay { get; init; } = 0.9999;

    /// <summary>How that decay is reached over the steps s: <c>ramp</c>, (1 + s)/(10 + s); <c>warmup</c>, 1 − (1 + s/γ)^−power; or <c>fixed</c>, at once.</summary>
    [AllowedValues("ramp", "warmup", "fixed", ErrorMessage = "must be ramp, warmup or fixed.")]
    public string EmaSchedule { get; init; } = "ramp";

    /// <summary>γ of the average's warm-up. From 0.001 to 1,000,000.</summary>
    [Range(1e-3, 1e6)]
    public double EmaInvGamma { get; init; } = 1;

    /// <summary>Exponent of the average's warm-up. From 0.01 to 10; default 2/3.</summary>
    [Range(0.01, 10.0)]
    public double EmaPower { get; init; } = 2.0 / 3;

    /// <summary>Steps before the average begins; until then it equals the weights. From 0 to 100,000,000.</summary>
    [Range(0, 100_000_000)]
    public int EmaUpdateAfterStep { get; init; }

    /// <summary>How much the loss of each timestep counts: <c>uniform</c> (Ho et al. 2020, eq. 14), <c>min_snr</c> (Hang et al. 2023) or <c>p2</c> (Choi et al. 2022).</summary>
    [AllowedValues("uniform", "min_snr", "p2", ErrorMessage = "must be uniform, min_snr or p2.")]
    public string LossWeighting { get; init; } = "uniform";

    /// <summary>γ of min_snr: the signal-to-noise ratio from which timesteps count alike. From 0.001 to 1000.</summary>
    [Range(1e-3, 1e3)]
    public double MinSnrGamma { get; init; } = 5;

    /// <summary>k of p2. From 0.001 to 1000.</summary>
    [Range(1e-3, 1e3)]
    public double P2K { get; init; } = 1;

    /// <summary>γ of p2. From 0 to 10.</summary>
    [Range(0.0, 10.0)]
    public double P2Gamma { get; init; } = 1;

    /// <summary>Probability of training on a picture without its class, which classifier-free guidance needs (Ho &amp; Salimans 2022). From 0 to 1; null for 0.1 where the
    /// network is class-conditional. Not given otherwise.</summary>
    [Range(0.0, 1.0)]
    public double? LabelDropout { get; init; }

    /// <summary>What the network computes in: <c>float32</c>, <c>bfloat16</c>, or <c>float16</c> with dynamic loss scaling. Weights and optimizer stay float32.</summary>
    [AllowedValues("float32", "bfloat16", "float16", ErrorMessage = "must be float32, bfloat16 or float16.")]
    public string Precision { get; init; } = "float32";

    /// <summary>Keep only the inputs of the network's blocks for the backward pass and compute the rest again: less memory, a third more time.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>After so many steps in a row without a finite loss and gradient the run goes back to its newest checkpoint with half the learning rate. Such steps move
    /// nothing. From 1 to 1000.</summary>
    [Range(1, 1000)]
    public int SkippedStepsBeforeRollback { get; init; } = 5;

    /// <summary>How often the run may go back before it fails. From 0 to 100.</summary>
    [Range(0, 100)]
    public int MaxRollbacks { get; init; } = 3;

    /// <summary>The run ends, with a checkpoint, at the first step that ends so many seconds after its start, or after it was resumed; handing it over to another worker
    /// does not stop that clock. The learning rate still follows epochs or steps. From 1 to 31,536,000; null for no limit.</summary>
    [Range(1, 31_536_000)]
    public int? MaxSeconds { get; init; }

    /// <summary>Mirror each picture left to right with probability one half.</summary>
    public bool HorizontalFlip { get; init; } = true;

    /// <summary>Decides the first weights, the order of the pictures, their flips, noise and timesteps.</summary>
    [Range(0, 9_007_199_254_740_991)]
    public long Seed { get; init; }

    /// <summary>A preview grid after every so many epochs, besides the one at the end; null for one after every epoch or, where epochs are short, at
    /// least 50 steps apart: drawing one takes as long as some 20 to 50 steps. From 1 to 100,000.</summary>
    [Range(1, 100_000)]
    public int? PreviewEveryEpochs { get; init; }

    /// <summary>A checkpoint after every so many steps, besides the one at the end; null for one an epoch, at least 50 steps apart. From 1 to 100,000,000.</summary>
    [Range(1, 100_000_000)]
    public int? CheckpointEverySteps { get; init; }

    /// <summary>How many of the newest checkpoints stay; the one with the lowest loss and those that a model's name points to stay too. From 1 to 1000.</summary>
    [Range(1, 1000)]
    public int KeepCheckpoints { get; init; } = 3;

    /// <summary>Fewer checkpoints stay where they would have more than so many MiB together; the newest, the one with the lowest loss and those that a model's name points
    /// to stay in any case. From 1 to 100,000,000; null for no limit.</summary>
    [Range(1, 100_000_000)]
    public int? MaxCheckpointMebibytes { get; init; }
}
