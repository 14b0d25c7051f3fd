namespace Ddpm.Engine.Sampling.Steps;

/// <summary>Quantiles by linear interpolation, as torch and numpy have them.</summary>
internal static class Quantiles
{
    /// <summary>A quantile of |x|; any number up to 1 where it is not above 1, which spares sorting what is small.</summary>
    /// <param name="values">Of a picture; at least one.</param>
    /// <param name="quantile">0 to 1.</param>
    /// <returns>NaN where a value is.</returns>
    public static float OfMagnitudesAboveOne(ReadOnlySpan<float> values, float quantile)
    {
        var above = new List<float>();
        var largestBelow = 0f; // the rank may lie between it and the smallest above
        foreach (var value in values)
        {
            if (float.IsNaN(value))
                return float.NaN;
            if (MathF.Abs(value) > 1)
                above.Add(MathF.Abs(value));
            else
                largestBelow = MathF.Max(largestBelow, MathF.Abs(value));
        }

        var rank = quantile * (values.Length - 1);
        var lower = (int)rank;
        var share = rank - lower;
        var small = values.Length - above.Count;
        if (lower + 1 < small || above.Count == 0)
            return 1;
        above.Sort();
        var (from, to) = (At(lower), At(Math.Min(lower + 1, values.Length - 1)));
        return share < 0.5f ? from + (share * (to - from)) : to - ((to - from) * (1 - share));

        float At(int index) => index >= small ? above[index - small] : largestBelow;
    }
}
