using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>The number type that the network computes in while it draws. Everything around it (x, the sampler's table, the noise) is float32 always.</summary>
#pragma warning disable CA1720 // float32 is what it is called
public enum SamplingPrecision
{
    /// <summary>float32, and nothing less anywhere: the reference.</summary>
    Float32,

    /// <summary>float32 whose products are rounded to 10 bits on the tensor cores of a GPU (TF32).</summary>
    TFloat32,

    /// <summary>bfloat16: the range of float32, 8 bits of precision.</summary>
    BFloat16,

    /// <summary>float16: 11 bits of precision, a small range.</summary>
    Float16,
}
#pragma warning restore CA1720

/// <summary>Names of precisions, and which of them a device has.</summary>
public static class SamplingPrecisions
{
    /// <summary>float32, tfloat32, bfloat16, float16.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Enum.GetValues<SamplingPrecision>().Select(Name)];

    /// <summary>Reads one of <see cref="Names"/>.</summary>
    /// <exception cref="ArgumentException">Another name.</exception>
    public static SamplingPrecision Parse(string name) => Names.Contains(name)
        ? Enum.GetValues<SamplingPrecision>().Single(precision => precision.Name() == name)
        : throw new ArgumentException($"The precision is '{name}'; {string.Join(", ", Names)} are accepted.", nameof(name));

    /// <summary>As it is written in requests and reports.</summary>
    public static string Name(this SamplingPrecision precision) => precision.ToString().ToLowerInvariant();

    /// <summary>One sentence where a device lacks a precision, else null.</summary>
    public static string? Refusal(this SamplingPrecision precision, Device device) => (precision, device.type) switch
    {
        (SamplingPrecision.Float32 or SamplingPrecision.BFloat16, _) or (_, DeviceType.CUDA) => null,
        (SamplingPrecision.TFloat32, _) => "precision is tfloat32, which only a GPU has; float32 and bfloat16 are what a CPU computes in.",
        // Measured: 2 GFLOP/s of matrix products, against 174 in float32.
        _ => "precision is float16, in which a CPU is a hundred times slower; float32 and bfloat16 are what a CPU computes in.",
    };

    /// <summary>The type of the network's weights.</summary>
    internal static ScalarType Dtype(this SamplingPrecision precision) => precision switch
    {
        SamplingPrecision.BFloat16 => ScalarType.BFloat16,
        SamplingPrecision.Float16 => ScalarType.Float16,
        _ => ScalarType.Float32,
    };
}
