using SkiaSharp;

namespace Ddpm.Engine.Imaging;

/// <summary>A surface to draw on with smooth edges, in units of the drawing's own. Shapes are SVG path data.</summary>
internal sealed class Canvas : IDisposable
{
    private readonly SKSurface _surface;
    private readonly int _width;
    private readonly int _height;

    /// <param name="width">Columns of the picture.</param>
    /// <param name="height">Rows of the picture.</param>
    /// <param name="unitsAcross">Width of the picture in units of the drawing.</param>
    /// <param name="background">What it is filled with.</param>
    public Canvas(int width, int height, double unitsAcross, Rgb background)
    {
        (_width, _height) = (width, height);
        _surface = SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul, null));
        _surface.Canvas.Clear(ToSkia(background, 1));
        _surface.Canvas.Scale((float)(width / unitsAcross));
    }

    /// <summary>Moves and scales what is drawn from here on: scaled about the point, then moved.</summary>
    public void Place(double moveX, double moveY, double scale, double aboutX, double aboutY)
    {
        _surface.Canvas.Translate((float)(moveX + aboutX), (float)(moveY + aboutY));
        _surface.Canvas.Scale((float)scale);
        _surface.Canvas.Translate((float)-aboutX, (float)-aboutY);
    }

    /// <summary>Swaps left and right of what is drawn from here on.</summary>
    public void MirrorAbout(double x)
    {
        _surface.Canvas.Translate((float)(2 * x), 0);
        _surface.Canvas.Scale(-1, 1);
    }

    /// <summary>Fills a shape.</summary>
    public void Fill(string path, Rgb colour, double opacity = 1)
    {
        using var paint = new SKPaint { Color = ToSkia(colour, opacity), IsAntialias = true };
        Draw(path, paint);
    }

    /// <summary>Draws a line with round ends.</summary>
    public void Stroke(string path, Rgb colour, double width, double opacity = 1)
    {
        using var paint = new SKPaint
        {
            Color = ToSkia(colour, opacity),
            IsAntialias = true,
            Style = SKPaintStyle.Stroke,
            StrokeWidth = (float)width,
            StrokeCap = SKStrokeCap.Round,
            StrokeJoin = SKStrokeJoin.Round,
        };
        Draw(path, paint);
    }

    /// <summary>Draws a line whose path begins at the point and is scaled, line width included.</summary>
    public void StrokeAt(double x, double y, double scale, string path, Rgb colour, double width)
    {
        using var restore = new SKAutoCanvasRestore(_surface.Canvas);
        _surface.Canvas.Translate((float)x, (float)y);
        _surface.Canvas.Scale((float)scale);
        Stroke(path, colour, width);
    }

    /// <summary>Draws only inside a shape until the result is disposed.</summary>
    public IDisposable Inside(string path)
    {
        using var clip = Parse(path);
        var restore = new SKAutoCanvasRestore(_surface.Canvas);
        _surface.Canvas.ClipPath(clip, SKClipOperation.Intersect, antialias: true);
        return restore;
    }

    /// <summary>An ellipse as path data.</summary>
    public static string Ellipse(double x, double y, double radiusX, double radiusY) =>
        $"M{x - radiusX:0.###},{y:0.###} a{radiusX:0.###},{radiusY:0.###} 0 1 0 {2 * radiusX:0.###},0 a{radiusX:0.###},{radiusY:0.###} 0 1 0 {-2 * radiusX:0.###},0 z";

    /// <summary>What has been drawn.</summary>
    public unsafe DecodedImage ToImage()
    {
        var rgba = new byte[_width * _height * 4];
        fixed (byte* start = rgba)
        {
            var info = new SKImageInfo(_width, _height, SKColorType.Rgba8888, SKAlphaType.Premul, null);
            if (!_surface.ReadPixels(info, (nint)start, _width * 4, 0, 0))
                throw new InvalidOperationException("The drawing could not be read back.");
        }
        var rgb = new byte[_width * _height * 3];
        for (int from = 0, to = 0; from < rgba.Length; from += 4, to += 3)
            rgba.AsSpan(from, 3).CopyTo(rgb.AsSpan(to));
        return new DecodedImage(rgb, _width, _height);
    }

    public void Dispose() => _surface.Dispose();

    private void Draw(string path, SKPaint paint)
    {
        using var shape = Parse(path);
        _surface.Canvas.DrawPath(shape, paint);
    }

    private static SKPath Parse(string path) =>
        SKPath.ParseSvgPathData(path) ?? throw new FormatException($"'{path}' is not SVG path data.");

    private static SKColor ToSkia(Rgb colour, double opacity) =>
        new(colour.Red, colour.Green, colour.Blue, (byte)Math.Round(255 * opacity));
}
