namespace Ddpm.Engine.Imaging;

/// <summary>The few characters that a plot needs, as lines. A bare container has no fonts, and this has them everywhere alike.</summary>
internal static class StrokeFont
{
    /// <summary>Height of a digit in the units of the glyphs; letters may reach two units lower.</summary>
    public const double DigitHeight = 6;

    private const double Gap = 1.7;

    private static readonly Dictionary<char, (double Width, string Path)> _glyphs = new()
    {
        ['0'] = (4, "M0,1.7 Q0,0 2,0 Q4,0 4,1.7 L4,4.3 Q4,6 2,6 Q0,6 0,4.3 z"),
        ['1'] = (3, "M0.6,1.3 L2.2,0 L2.2,6"),
        ['2'] = (4, "M0.2,1.5 Q0.4,0 2,0 Q3.9,0 3.9,1.6 Q3.9,2.7 2.6,3.8 L0,6 L4,6"),
        ['3'] = (4, "M0.3,0 L3.8,0 L1.8,2.4 Q4,2.4 4,4.2 Q4,6 2,6 Q0.5,6 0,4.9"),
        ['4'] = (4.2, "M3,6 L3,0 L0,4.2 L4.2,4.2"),
        ['5'] = (4, "M3.7,0 L0.6,0 L0.3,2.8 Q1,2.2 2,2.2 Q4,2.2 4,4.1 Q4,6 1.9,6 Q0.6,6 0,5"),
        ['6'] = (4, "M3.5,0.4 Q2.8,0 2.1,0 Q0,0 0,3.6 Q0,6 2,6 Q4,6 4,4.1 Q4,2.3 2.1,2.3 Q0.5,2.3 0,3.8"),
        ['7'] = (4, "M0,0 L4,0 L1.4,6"),
        ['8'] = (4, "M2,2.8 Q0.3,2.8 0.3,1.4 Q0.3,0 2,0 Q3.7,0 3.7,1.4 Q3.7,2.8 2,2.8 Q0,2.8 0,4.4 Q0,6 2,6 Q4,6 4,4.4 Q4,2.8 2,2.8 z"),
        ['9'] = (4, "M0.5,5.6 Q1.2,6 1.9,6 Q4,6 4,2.4 Q4,0 2,0 Q0,0 0,1.9 Q0,3.7 1.9,3.7 Q3.5,3.7 4,2.2"),
        ['.'] = (0.6, "M0.3,5.95 L0.3,6"),
        ['-'] = (3, "M0,3.3 L3,3.3"),
        ['+'] = (3, "M0,3.3 L3,3.3 M1.5,1.8 L1.5,4.8"),
        ['E'] = (3.4, "M3.4,0 L0,0 L0,6 L3.4,6 M0,2.9 L2.8,2.9"),
        ['M'] = (4.4, "M0,6 L0,0 L2.2,3.6 L4.4,0 L4.4,6"),
        ['k'] = (3.5, "M0,0 L0,6 M3.2,2 L0,4.4 M1.2,3.5 L3.5,6"),
        ['l'] = (0.6, "M0.3,0 L0.3,6"),
        ['o'] = (4, "M2,2 Q0,2 0,4 Q0,6 2,6 Q4,6 4,4 Q4,2 2,2 z"),
        ['s'] = (3.4, "M3.2,2.6 Q2.8,2 1.8,2 Q0.3,2 0.3,3 Q0.3,3.8 1.8,4 Q3.4,4.2 3.4,5 Q3.4,6 1.7,6 Q0.5,6 0,5.3"),
        ['t'] = (2.7, "M1.1,0.5 L1.1,5 Q1.1,6 2.1,6 L2.7,6 M0,2 L2.6,2"),
        ['e'] = (4, "M0.1,4 L3.9,4 Q3.9,2 2,2 Q0,2 0,4 Q0,6 2,6 Q3.2,6 3.8,5.1"),
        ['p'] = (4, "M0,2 L0,8 M0,3.4 Q0.5,2 2,2 Q4,2 4,4 Q4,6 2,6 Q0.5,6 0,4.6"),
    };

    /// <summary>Width of a text in the units of the glyphs.</summary>
    public static double WidthOf(string text) => text.Sum(c => _glyphs[c].Width) + Gap * (text.Length - 1);

    /// <summary>The lines of a text that begins at the left, and where each glyph stands.</summary>
    /// <exception cref="KeyNotFoundException">The text has a character that this font lacks.</exception>
    public static IEnumerable<(string Path, double X)> Glyphs(string text)
    {
        var x = 0.0;
        foreach (var c in text)
        {
            var (width, path) = _glyphs[c];
            yield return (path, x);
            x += width + Gap;
        }
    }
}
