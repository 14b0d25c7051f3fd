using SkiaSharp;

namespace Ddpm.Engine.Imaging;

/// <summary>Reads PNG, JPEG, WebP, GIF (its first frame) and BMP, and writes PNG. With <see cref="Canvas"/> the only code that knows SkiaSharp.</summary>
public static class ImageCodec
{
    /// <summary>Decodes a file: rotated as its EXIF data says, transparency blended with the background.</summary>
    /// <remarks>Stored values are taken as they are; embedded colour profiles are ignored, as PIL and torchvision do.</remarks>
    /// <exception cref="ImageDecodeException">Not a picture, damaged, cut short, or larger than <see cref="ImageDecodeOptions.MaxPixels"/>.</exception>
    public static DecodedImage Decode(Stream stream, ImageDecodeOptions options)
    {
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return Decode(content.GetBuffer().AsSpan(0, (int)content.Length), options);
    }

    /// <inheritdoc cref="Decode(Stream, ImageDecodeOptions)"/>
    public static unsafe DecodedImage Decode(ReadOnlySpan<byte> content, ImageDecodeOptions options)
    {
        if (content.IsEmpty)
            throw new ImageDecodeException("the file is empty");
        fixed (byte* start = content)
        {
            using var data = SKData.Create((nint)start, content.Length);
            using var codec = SKCodec.Create(data) ?? throw new ImageDecodeException("not a picture (PNG, JPEG, WebP, GIF or BMP)");
            var (width, height) = (codec.Info.Width, codec.Info.Height);
            if ((long)width * height > options.MaxPixels)
                throw new ImageDecodeException($"{width}×{height} pixels are more than the {options.MaxPixels} allowed");

            // Straight alpha and no colour space: the bytes as they are stored.
            var straight = new byte[checked(width * height * 4)];
            fixed (byte* pixels = straight)
            {
                var result = codec.GetPixels(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null), (nint)pixels);
                if (result != SKCodecResult.Success)
                    throw new ImageDecodeException(Describe(result));
            }
            return Orientation.Upright(Blend(straight, options.Background), width, height, (int)codec.EncodedOrigin);
        }
    }

    /// <summary>Encodes a PNG without metadata: equal pixels give equal bytes.</summary>
    /// <param name="pixels">Rows from the top, channels interleaved.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">1 (grey) or 3 (red, green, blue).</param>
    /// <exception cref="ArgumentException">The sizes disagree, or <paramref name="channels"/> is neither 1 nor 3.</exception>
    public static unsafe byte[] EncodePng(ReadOnlySpan<byte> pixels, int width, int height, int channels)
    {
        if (channels is not (1 or 3))
            throw new ArgumentException($"Expected 1 or 3 channels, got {channels}.", nameof(channels));
        if (width < 1 || height < 1 || pixels.Length != (long)width * height * channels)
            throw new ArgumentException($"Expected {width}×{height}×{channels} bytes, got {pixels.Length}.", nameof(pixels));

        // Skia has no packed RGB: a fourth byte pads each pixel and is not written.
        var rows = channels == 1 ? pixels : Pad(pixels);
        var colorType = channels == 1 ? SKColorType.Gray8 : SKColorType.Rgb888x;
        fixed (byte* start = rows)
        {
            using var pixmap = new SKPixmap(new SKImageInfo(width, height, colorType, SKAlphaType.Opaque, null), (nint)start);
            using var png = pixmap.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.AllFilters, zLibLevel: 6))
                ?? throw new InvalidOperationException($"A PNG of {width}×{height} pixels could not be encoded.");
            return png.ToArray();
        }
    }

    private static byte[] Blend(byte[] straight, Rgb background)
    {
        var opaque = new byte[straight.Length / 4 * 3];
        for (int from = 0, to = 0; from < straight.Length; from += 4, to += 3)
        {
            int alpha = straight[from + 3];
            opaque[to] = Mix(straight[from], background.Red, alpha);
            opaque[to + 1] = Mix(straight[from + 1], background.Green, alpha);
            opaque[to + 2] = Mix(straight[from + 2], background.Blue, alpha);
        }
        return opaque;
    }

    private static byte Mix(int front, int back, int alpha) => (byte)((front * alpha + back * (255 - alpha) + 127) / 255);

    private static byte[] Pad(ReadOnlySpan<byte> rgb)
    {
        var padded = new byte[rgb.Length / 3 * 4];
        for (int from = 0, to = 0; from < rgb.Length; from += 3, to += 4)
        {
            rgb.Slice(from, 3).CopyTo(padded.AsSpan(to));
            padded[to + 3] = 255;
        }
        return padded;
    }

    private static string Describe(SKCodecResult result) => result switch
    {
        SKCodecResult.IncompleteInput => "the file ends before the picture does",
        SKCodecResult.ErrorInInput or SKCodecResult.InvalidInput => "the picture data is damaged",
        _ => $"the picture could not be decoded ({result})",
    };
}
