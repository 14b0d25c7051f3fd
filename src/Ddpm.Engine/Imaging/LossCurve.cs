using System.Globalization;
using System.Text;

namespace Ddpm.Engine.Imaging;

/// <summary>Draws how a loss fell: every value pale, their running mean on top.</summary>
public static class LossCurve
{
    private const double Left = 74;
    private const double Right = 24;
    private const double Top = 26;
    private const double Bottom = 54;
    private const double DigitHeight = 11;

    private static readonly Rgb _text = Rgb.Parse("#4a5160");
    private static readonly Rgb _grid = Rgb.Parse("#e4e7ec");
    private static readonly Rgb _raw = Rgb.Parse("#b9d0f2");
    private static readonly Rgb _smooth = Rgb.Parse("#1f5fbf");

    /// <summary>A PNG of the curve. The loss axis is logarithmic where the values span a factor of five or more.</summary>
    /// <param name="points">In order of their steps. Losses that are not finite are left out; none at all gives empty axes.</param>
    /// <param name="width">Columns, at least 200.</param>
    /// <param name="height">Rows, at least 150.</param>
    public static byte[] EncodePng(IReadOnlyList<(long Step, double Loss)> points, int width = 960, int height = 480)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 200);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 150);

        var finite = points.Where(point => double.IsFinite(point.Loss)).ToList();
        var raw = Thin(finite, width);
        var smooth = Thin(Smooth(finite), width);
        var steps = finite.Count == 0 ? PlotAxis.ForSteps(0, 1) : PlotAxis.ForSteps(finite[0].Step, finite[^1].Step);
        var losses = finite.Count == 0 ? PlotAxis.ForLoss(0, 1) : PlotAxis.ForLoss(finite.Min(point => point.Loss), finite.Max(point => point.Loss));

        using var canvas = new Canvas(width, height, width, Rgb.White);
        double X(double step) => Left + steps.Place(step) * (width - Left - Right);
        double Y(double loss) => height - Bottom - losses.Place(loss) * (height - Top - Bottom);
        foreach (var tick in steps.Ticks)
        {
            canvas.Stroke(Line(X(tick), Top, X(tick), height - Bottom), _grid, 1);
            Write(canvas, PlotAxis.Label(tick), X(tick), height - Bottom + 9, anchor: 0.5);
        }
        foreach (var tick in losses.Ticks)
        {
            canvas.Stroke(Line(Left, Y(tick), width - Right, Y(tick)), _grid, 1);
            Write(canvas, PlotAxis.Label(tick), Left - 10, Y(tick) - DigitHeight / 2, anchor: 1);
        }
        canvas.Stroke($"M{Left},{Top} L{Left},{height - Bottom} L{width - Right},{height - Bottom}", _text, 1.4);
        Write(canvas, "loss", Left, 6, anchor: 0.5);
        Write(canvas, "step", width - Right, height - 24, anchor: 1);

        Draw(canvas, raw, X, Y, _raw, 1.2);
        Draw(canvas, smooth, X, Y, _smooth, 2.4);
        var image = canvas.ToImage();
        return ImageCodec.EncodePng(image.Pixels, width, height, 3);
    }

    /// <summary>The mean over a thirtieth of the points, centred so that it does not trail behind; narrower at the start, where a loss falls fast.</summary>
    private static List<(long Step, double Loss)> Smooth(List<(long Step, double Loss)> points)
    {
        var reach = Math.Max(1, points.Count / 60);
        var sums = new double[points.Count + 1]; // of the losses before each point
        for (var n = 0; n < points.Count; n++)
            sums[n + 1] = sums[n] + points[n].Loss;

        var smooth = new List<(long, double)>(points.Count);
        for (var n = 0; n < points.Count; n++)
        {
            var first = n - Math.Min(n, reach);
            var end = Math.Min(n + Math.Min(n, reach) + 1, points.Count);
            smooth.Add((points[n].Step, (sums[end] - sums[first]) / (end - first)));
        }
        return smooth;
    }

    /// <summary>The least and the greatest of each run of points that would share a column.</summary>
    private static List<(long Step, double Loss)> Thin(List<(long Step, double Loss)> points, int columns) =>
        points.Count <= 4 * columns ? points
        : [.. points.Chunk((points.Count + columns - 1) / columns).SelectMany(run => ((long, double)[])[run.MinBy(p => p.Loss), run.MaxBy(p => p.Loss)])];

    private static void Draw(Canvas canvas, List<(long Step, double Loss)> points, Func<double, double> x, Func<double, double> y, Rgb colour, double width)
    {
        if (points.Count == 0)
            return;
        var path = new StringBuilder();
        foreach (var (step, loss) in points.Prepend(points[0])) // a single point becomes a line of no length: a dot
            path.Append(CultureInfo.InvariantCulture, $"{(path.Length == 0 ? 'M' : 'L')}{x(step):0.##},{y(loss):0.##} ");
        canvas.Stroke(path.ToString(), colour, width);
    }

    private static void Write(Canvas canvas, string text, double x, double y, double anchor)
    {
        const double scale = DigitHeight / StrokeFont.DigitHeight;
        var left = x - anchor * StrokeFont.WidthOf(text) * scale;
        foreach (var (path, offset) in StrokeFont.Glyphs(text))
            canvas.StrokeAt(left + offset * scale, y, scale, path, _text, 0.8);
    }

    private static string Line(double fromX, double fromY, double toX, double toY) =>
        string.Create(CultureInfo.InvariantCulture, $"M{fromX:0.##},{fromY:0.##} L{toX:0.##},{toY:0.##}");
}
