using System.Globalization;

namespace Ddpm.Engine.Imaging;

/// <summary>One axis of a plot: values to places in [0, 1], and round values to mark.</summary>
internal sealed class PlotAxis
{
    private const int WantedTicks = 6;

    private readonly double _low;
    private readonly double _high;
    private readonly bool _logarithmic;

    private PlotAxis(double low, double high, bool logarithmic)
    {
        (_low, _high, _logarithmic) = (low, high, logarithmic);
        Ticks = logarithmic ? LogarithmicTicks(low, high) : LinearTicks(low, high);
    }

    /// <summary>Values to mark, from low to high.</summary>
    public IReadOnlyList<double> Ticks { get; }

    /// <summary>An axis of whole numbers whose ends are the ends of the values.</summary>
    public static PlotAxis ForSteps(long low, long high) => new(low, Math.Max(high, low + WantedTicks), logarithmic: false);

    /// <summary>An axis for values that fall from large to small: logarithmic if they span a factor of five or more, else linear from a little below.</summary>
    public static PlotAxis ForLoss(double low, double high) =>
        low > 0 && high / low >= 5 ? new PlotAxis(low / 1.1, high * 1.1, logarithmic: true)
        : high > low ? new PlotAxis(low - 0.08 * (high - low), high + 0.08 * (high - low), logarithmic: false)
        : new PlotAxis(low - Math.Max(Math.Abs(low) / 2, 1e-6), low + Math.Max(Math.Abs(low) / 2, 1e-6), logarithmic: false);

    /// <summary>0 at the low end, 1 at the high end.</summary>
    public double Place(double value) => _logarithmic
        ? Math.Log(value / _low) / Math.Log(_high / _low)
        : (value - _low) / (_high - _low);

    /// <summary>1500 as 1.5k; small numbers with the digits that tell them apart.</summary>
    public static string Label(double value) => Math.Abs(value) switch
    {
        0 => "0",
        >= 1e9 or < 1e-4 => value.ToString("0.#E+0", CultureInfo.InvariantCulture),
        >= 1e6 => string.Create(CultureInfo.InvariantCulture, $"{value / 1e6:0.##}M"),
        >= 1e3 => string.Create(CultureInfo.InvariantCulture, $"{value / 1e3:0.##}k"),
        _ => value.ToString("0.#####", CultureInfo.InvariantCulture),
    };

    private static double[] LinearTicks(double low, double high)
    {
        var raw = (high - low) / WantedTicks;
        var decade = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = decade * ((double[])[1, 2, 5, 10]).First(factor => factor * decade >= raw * 0.999);
        var first = (long)Math.Ceiling(low / step - 1e-9);
        var last = (long)Math.Floor(high / step + 1e-9);
        return [.. Enumerable.Range(0, (int)(last - first + 1)).Select(n => (first + n) * step)];
    }

    // 1, 2 and 5 of each decade; over more than two decades, 1 only.
    private static double[] LogarithmicTicks(double low, double high)
    {
        double[] factors = high / low > 100 ? [1] : [1, 2, 5];
        var ticks = from exponent in Enumerable.Range((int)Math.Floor(Math.Log10(low)), (int)Math.Ceiling(Math.Log10(high / low)) + 2)
                    from factor in factors
                    let tick = factor * Math.Pow(10, exponent)
                    where tick >= low && tick <= high
                    select tick;
        return [.. ticks];
    }
}
