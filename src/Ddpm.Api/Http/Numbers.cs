namespace Ddpm.Api.Http;

/// <summary>JSON has no NaN and no infinity.</summary>
internal static class Numbers
{
    public static double? Finite(this double? value) => value is { } number && double.IsFinite(number) ? number : null;

    public static double? Finite(this double value) => double.IsFinite(value) ? value : null;
}
