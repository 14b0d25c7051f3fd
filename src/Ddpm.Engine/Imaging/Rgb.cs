using System.Globalization;

namespace Ddpm.Engine.Imaging;

/// <summary>A colour, 8 bits a channel.</summary>
public readonly record struct Rgb(byte Red, byte Green, byte Blue)
{
    /// <summary>#ffffff.</summary>
    public static Rgb White { get; } = new(255, 255, 255);

    /// <summary>Reads <c>#rrggbb</c>.</summary>
    /// <exception cref="FormatException">The text is not of that form.</exception>
    public static Rgb Parse(string text) =>
        text is ['#', _, _, _, _, _, _] && uint.TryParse(text.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            ? new Rgb((byte)(value >> 16), (byte)(value >> 8), (byte)value)
            : throw new FormatException($"'{text}' is not a colour of the form #rrggbb.");

    /// <summary>Part of the way to another colour: 0 is this one, 1 the other.</summary>
    public Rgb Toward(Rgb other, double amount) =>
        new(Blend(Red, other.Red, amount), Blend(Green, other.Green, amount), Blend(Blue, other.Blue, amount));

    /// <summary><c>#rrggbb</c>.</summary>
    public override string ToString() => $"#{Red:x2}{Green:x2}{Blue:x2}";

    private static byte Blend(byte from, byte to, double amount) => (byte)Math.Clamp(Math.Round(double.Lerp(from, to, amount)), 0, 255);
}
