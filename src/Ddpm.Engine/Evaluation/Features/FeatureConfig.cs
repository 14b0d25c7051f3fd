namespace Ddpm.Engine.Evaluation.Features;

/// <summary>What a feature network expects to be shown: float32, or bytes, <c>[pictures, 3, side, side]</c>; grey pictures have three equal channels.</summary>
public sealed record FeatureConfig
{
    /// <summary>Side that pictures are brought to, as PIL's bicubic resize does, with antialiasing: 32 to 1024, or 0 for their own, where the
    /// network resizes. Default 299, Inception's.</summary>
    public int Side { get; init; } = 299;

    /// <summary>What the values mean.</summary>
    public FeatureRange Range { get; init; }
}

/// <summary>Values of the pictures that a feature network is shown.</summary>
public enum FeatureRange
{
    /// <summary>float32 from 0 to 1.</summary>
    ZeroToOne,

    /// <summary>float32 from -1 to 1.</summary>
    MinusOneToOne,

    /// <summary>Bytes from 0 to 255.</summary>
    Bytes,
}

/// <summary>The names of <see cref="FeatureRange"/> in requests.</summary>
public static class FeatureRanges
{
    private static readonly Dictionary<string, FeatureRange> ByName = new()
    {
        ["0..1"] = FeatureRange.ZeroToOne,
        ["-1..1"] = FeatureRange.MinusOneToOne,
        ["0..255"] = FeatureRange.Bytes,
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>The range of a name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static FeatureRange Parse(string name) =>
        ByName.TryGetValue(name, out var range) ? range : throw new ArgumentException($"The range is '{name}'; {string.Join(", ", Names)} are accepted.", nameof(name));
}
