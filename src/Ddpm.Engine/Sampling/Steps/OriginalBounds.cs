using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Steps;

/// <summary>Keeps each picture's x̂₀ within its own bound.</summary>
internal static class OriginalBounds
{
    /// <param name="original">x̂₀ of one picture; changed in place.</param>
    /// <param name="bound">Null for none.</param>
    public static void Apply(Span<float> original, OriginalBound? bound)
    {
        if (bound is null)
            return;
        if (bound.Quantile is not { } quantile)
        {
            SpanMath.Clamp((float)bound.Range, original);
            return;
        }

        var limit = Math.Clamp(Quantiles.OfMagnitudesAboveOne(original, (float)quantile), 1, (float)bound.Range);
        SpanMath.Clamp(limit, original);
        SpanMath.Divide(limit, original);
    }

    /// <param name="original">x̂₀, <c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <param name="bounds">One a picture; null for none.</param>
    public static Tensor Apply(Tensor original, OriginalBound?[] bounds)
    {
        if (bounds.All(bound => bound is null))
            return original;
        var fixedBounds = Column(bounds.Select(bound => bound switch
        {
            null => float.PositiveInfinity,
            { Quantile: null } => (float)bound.Range,
            _ => 1f,
        }));
        if (bounds.All(bound => bound?.Quantile is null))
            return original.clamp(-fixedBounds, fixedBounds);

        // Saharia et al. 2022, §2.3. Each picture by itself, so that it does not depend on the others.
        var limits = bounds.Select((bound, index) => bound?.Quantile is { } quantile
            ? original[index].abs().flatten().quantile(tensor((float)quantile, device: original.device)).Within(1, bound.Range)
            : fixedBounds[index].flatten()[0]).ToArray();
        var divisors = limits.Select((limit, index) => bounds[index]?.Quantile is null ? ones_like(limit) : limit).ToArray();
        var limitColumn = stack(limits).view(-1, 1, 1, 1);
        return original.clamp(-limitColumn, limitColumn) / stack(divisors).view(-1, 1, 1, 1);

        Tensor Column(IEnumerable<float> values) => tensor(values.ToArray()).Send(original.device).view(-1, 1, 1, 1);
    }
}
