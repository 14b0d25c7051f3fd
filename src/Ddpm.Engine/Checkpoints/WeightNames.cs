namespace Ddpm.Engine.Checkpoints;

/// <summary>The first diffusers releases called the attention weights query, key, value and proj_attn.</summary>
internal static class WeightNames
{
    private static readonly (string Old, string New)[] Renamed =
        [(".query.", ".to_q."), (".key.", ".to_k."), (".value.", ".to_v."), (".proj_attn.", ".to_out.0.")];

    /// <summary>The present name of a weight.</summary>
    public static string Modern(string name)
    {
        foreach (var (old, present) in Renamed)
            if (name.Contains("attentions.", StringComparison.Ordinal))
                name = name.Replace(old, present, StringComparison.Ordinal);
        return name;
    }
}
