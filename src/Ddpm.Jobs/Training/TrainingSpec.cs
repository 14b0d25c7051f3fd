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

    /// <summary>Shape: <c>linear</c> (Ho et al. 2020), <c>scaled_linear</c> or <c>squaredcos_cap_v2</c> (cosine, Nichol &amp; Dhariwal 2021).</summary>
    [AllowedValues("linear", "scaled_linear", "squaredcos_cap_v2", ErrorMessage = "must be linear, scaled_linear or squaredcos_cap_v2.")]
    public string BetaSchedule { get; init; } = "linear";
}

/// <summary>How to train.</summary>
public sealed record OptimizationSpec
{
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

    /// <summary>Steps over which the rate rises from 0; it then falls to 0 along a half cosine. From 0 to 1,000,000.</summary>
    [Range(0, 1_000_000)]
    public int WarmupSteps { get; init; } = 500;

    /// <summary>Decoupled weight decay of AdamW. From 0 to 1.</summary>
    [Range(0.0, 1.0)]
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Gradients are scaled down to this L2 norm. From 1e-3 to 1000.</summary>
    [Range(1e-3, 1e3)]
    public double MaxGradNorm { get; init; } = 1.0;

    /// <summary>Highest decay of the exponential moving average of the weights; 0 turns the average off. From 0 to 0.999999.</summary>
    [Range(0.0, 0.999999)]
    public double EmaDecay { get; init; } = 0.9999;

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

    /// <summary>How many of the newest checkpoints stay; those that a model's name points to stay too. From 1 to 1000.</summary>
    [Range(1, 1000)]
    public int KeepCheckpoints { get; init; } = 3;
}
