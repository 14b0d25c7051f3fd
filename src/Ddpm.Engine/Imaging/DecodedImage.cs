namespace Ddpm.Engine.Imaging;

/// <summary>A picture in memory, the right way up and opaque.</summary>
/// <param name="Pixels">Red, green, blue, one byte each; rows from the top without gaps.</param>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
public sealed record DecodedImage(byte[] Pixels, int Width, int Height);

/// <summary>How files become pictures.</summary>
public sealed record ImageDecodeOptions
{
    /// <summary>What shows through transparent pixels. Default white.</summary>
    public Rgb Background { get; init; } = Rgb.White;

    /// <summary>Width times height that a file may announce in its header; nothing larger is decoded, nor more than 500 million. Default 64 million.</summary>
    public long MaxPixels { get; init; } = 64_000_000;
}

/// <summary>A file is not a picture that can be read. The message is the reason in a few words, for the person whose file it is.</summary>
public sealed class ImageDecodeException(string reason) : Exception(reason);
