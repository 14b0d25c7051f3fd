namespace Ddpm.Engine.Diffusion;

/// <summary>What the network predicts from x_t. Each of the three gives the other two: Salimans &amp; Ho 2022, appendix D.</summary>
public enum PredictionType
{
    /// <summary>ε, the noise in x_t. Ho et al. 2020, §3.2. diffusers' <c>epsilon</c>.</summary>
    Epsilon,

    /// <summary>x_0 itself. diffusers' <c>sample</c>.</summary>
    Original,

    /// <summary>v = √ᾱ_t·ε − √(1 − ᾱ_t)·x_0. diffusers' <c>v_prediction</c>.</summary>
    V,
}

/// <summary>The names of <see cref="PredictionType"/> in scheduler files and requests.</summary>
public static class PredictionTypes
{
    private static readonly Dictionary<string, PredictionType> ByName = new()
    {
        ["epsilon"] = PredictionType.Epsilon,
        ["sample"] = PredictionType.Original,
        ["v_prediction"] = PredictionType.V,
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>The type of a name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static PredictionType Parse(string name) => ByName.TryGetValue(name, out var type)
        ? type : throw new ArgumentException($"prediction_type is '{name}'; {string.Join(", ", Names)} are supported.");
}
