using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>The number type that the network computes in while it trains. Weights, their average and the optimizer are float32 always.</summary>
#pragma warning disable CA1720 // float32 is what it is called
public enum TrainingPrecision
{
    /// <summary>float32.</summary>
    Float32,

    /// <summary>bfloat16: the range of float32, 8 bits of precision. No loss scaling needed.</summary>
    BFloat16,

    /// <summary>float16: 11 bits of precision, a small range, hence dynamic loss scaling. Very slow on a CPU.</summary>
    Float16,
}
#pragma warning restore CA1720

internal static class TrainingPrecisions
{
    public static ScalarType Dtype(this TrainingPrecision precision) => precision switch
    {
        TrainingPrecision.BFloat16 => ScalarType.BFloat16,
        TrainingPrecision.Float16 => ScalarType.Float16,
        _ => ScalarType.Float32,
    };
}
