namespace Ddpm.Engine.Sampling;

/// <summary>What noise is for. Uses of one seed under different purposes are independent.</summary>
public enum NoisePurpose : uint
{
    /// <summary>x_T and the noise of reverse steps.</summary>
    Sampling = 0,

    /// <summary>ε of Algorithm 1.</summary>
    TrainingNoise = 1,

    /// <summary>t of Algorithm 1.</summary>
    TrainingTimestep = 2,

    /// <summary>The dropout of a training step.</summary>
    Dropout = 3,

    /// <summary>Which labels of a training step are left out.</summary>
    LabelDropout = 4,

    /// <summary>What the given part of a picture gets while the rest is painted.</summary>
    KnownRegion = 5,

    /// <summary>ε in the terms of the variational bound.</summary>
    EvaluationNoise = 8,

    /// <summary>t of those terms.</summary>
    EvaluationTimestep = 9,

    /// <summary>Directions that pictures are projected onto.</summary>
    EvaluationDirection = 10,
}
