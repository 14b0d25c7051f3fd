using System.Runtime.InteropServices;
using SkiaSharp;

namespace Ddpm.Engine.Imaging;

/// <summary>Reads PNG, JPEG, WebP, GIF (its first frame) and BMP, and writes PNG and animated WebP. With <see cref="Canvas"/> the only code that knows SkiaSharp.</summary>
public static class ImageCodec
{
    /// <summary>No picture of more pixels is decoded or encoded, whatever the options say: four bytes of each must fit into an array.</summary>
    public const int MostPixels = 500_000_000;

    /// <summary>Decodes a file: rotated as its EXIF data says, transparency blended with the background.</summary>
    /// <remarks>Stored values are taken as they are; embedded colour profiles are ignored, as PIL and torchvision do.</remarks>
    /// <exception cref="ImageDecodeException">Not a picture, damaged, cut short, or larger than <see cref="ImageDecodeOptions.MaxPixels"/> or <see cref="MostPixels"/>.</exception>
    public static DecodedImage Decode(Stream stream, ImageDecodeOptions options)
    {
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return Decode(content.GetBuffer().AsSpan(0, (int)content.Length), options);
    }

    /// <inheritdoc cref="Decode(Stream, ImageDecodeOptions)"/>
    public static unsafe DecodedImage Decode(ReadOnlySpan<byte> content, ImageDecodeOptions options)
    {
        content = PngChunks.WithoutLargeOnes(content);
        fixed (byte* start = content)
        {
            // Straight alpha and no colour space: the bytes as they are stored. Not managed memory, which would stay until the next collection.
            byte* straight = null;
            try
            {
                Orientation upright;
                using (var codec = Open(start, content.Length)) // of a progressive JPEG it holds twice what its pixels take, and is not needed to blend them
                {
                    var (width, height) = (codec.Info.Width, codec.Info.Height);
                    var most = Math.Min(options.MaxPixels, MostPixels);
                    if ((long)width * height > most)
                        throw new ImageDecodeException($"{width}×{height} pixels are more than the {most} allowed");
                    straight = (byte*)NativeMemory.AllocZeroed((nuint)width * (nuint)height, 4);
                    var result = codec.GetPixels(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null), (nint)straight);
                    if (result != SKCodecResult.Success)
                        throw new ImageDecodeException(Describe(result));
                    upright = Orientation.Of(width, height, (int)codec.EncodedOrigin);
                }
                return Blend(straight, upright, options.Background);
            }
            finally
            {
                NativeMemory.Free(straight);
            }
        }
    }

    /// <summary>Width times height, as a file announces them; its pixels are not decoded.</summary>
    /// <exception cref="ImageDecodeException">Not a picture.</exception>
    public static unsafe long PixelsOf(ReadOnlySpan<byte> content)
    {
        content = PngChunks.WithoutLargeOnes(content);
        fixed (byte* start = content)
        {
            using var codec = Open(start, content.Length);
            return (long)codec.Info.Width * codec.Info.Height;
        }
    }

    /// <summary>Encodes a PNG without metadata: equal pixels give equal bytes, on every machine.</summary>
    /// <param name="pixels">Rows from the top, channels interleaved.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">1 (grey) or 3 (red, green, blue).</param>
    /// <exception cref="ArgumentException">The sizes disagree, there are too many pixels, or <paramref name="channels"/> is neither 1 nor 3.</exception>
    public static byte[] EncodePng(ReadOnlySpan<byte> pixels, int width, int height, int channels)
    {
        if (channels is not (1 or 3))
            throw new ArgumentException($"Expected 1 or 3 channels, got {channels}.", nameof(channels));
        if (width < 1 || height < 1 || pixels.Length != (long)width * height * channels)
            throw new ArgumentException($"Expected {width}×{height}×{channels} bytes, got {pixels.Length}.", nameof(pixels));
        if ((long)width * height > MostPixels)
            throw new ArgumentException($"{width}×{height} pixels are more than the {MostPixels} that a picture may have.", nameof(width));
        return PngWriter.Write(pixels, width, height, channels);
    }

    /// <summary>Encodes a lossless animated WebP that repeats for ever: equal frames and times give equal bytes.</summary>
    /// <param name="frames">The pixels of each, rows from the top, channels interleaved, and how long it is seen; at least one.</param>
    /// <param name="width">Columns, at most 16,383.</param>
    /// <param name="height">Rows, at most 16,383.</param>
    /// <param name="channels">1 (grey) or 3 (red, green, blue).</param>
    /// <exception cref="ArgumentException">The sizes disagree, or <paramref name="channels"/> is neither 1 nor 3.</exception>
    public static byte[] EncodeWebP(IReadOnlyList<(byte[] Pixels, TimeSpan Time)> frames, int width, int height, int channels)
    {
        if (channels is not (1 or 3))
            throw new ArgumentException($"Expected 1 or 3 channels, got {channels}.", nameof(channels));
        if (frames.Count == 0 || width < 1 || height < 1 || frames.Any(frame => frame.Pixels.Length != (long)width * height * channels))
            throw new ArgumentException($"Expected frames of {width}×{height}×{channels} bytes, at least one.", nameof(frames));

        var info = new SKImageInfo(width, height, SKColorType.Rgb888x, SKAlphaType.Opaque, null);
        var images = frames.Select(frame => SKImage.FromPixelCopy(info, Pad(channels == 3 ? frame.Pixels : Repeat(frame.Pixels)))).ToList();
        try
        {
            var shown = images.Zip(frames, (image, frame) => new SKWebpEncoderFrame(image, frame.Time)).ToArray();
            // Without loss, quality is effort: 0 for the fastest, 100 for the smallest.
            using var webp = SKWebpEncoder.EncodeAnimated(shown, new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 75))
                ?? throw new InvalidOperationException($"An animation of {width}×{height} pixels could not be encoded.");
            return webp.ToArray();
        }
        finally
        {
            images.ForEach(image => image.Dispose());
        }
    }

    // The codec keeps the data for as long as it needs it.
    private static unsafe SKCodec Open(byte* start, int length)
    {
        if (length == 0)
            throw new ImageDecodeException("the file is empty");
        using var data = SKData.Create((nint)start, length);
        var codec = SKCodec.Create(data);
        if (codec?.EncodedFormat is SKEncodedImageFormat.Png or SKEncodedImageFormat.Jpeg or SKEncodedImageFormat.Webp or SKEncodedImageFormat.Gif or SKEncodedImageFormat.Bmp)
            return codec;
        codec?.Dispose(); // it knows icons and others too
        throw new ImageDecodeException("not a picture (PNG, JPEG, WebP, GIF or BMP)");
    }

    private static unsafe DecodedImage Blend(byte* straight, Orientation upright, Rgb background)
    {
        var opaque = new byte[upright.Width * upright.Height * 3];
        var to = 0;
        for (var y = 0; y < upright.Height; y++)
        {
            var stored = upright.First + (nint)y * upright.Down;
            for (var x = 0; x < upright.Width; x++, stored += upright.Across, to += 3)
            {
                var pixel = straight + stored * 4;
                int alpha = pixel[3];
                opaque[to] = Mix(pixel[0], background.Red, alpha);
                opaque[to + 1] = Mix(pixel[1], background.Green, alpha);
                opaque[to + 2] = Mix(pixel[2], background.Blue, alpha);
            }
        }
        return new DecodedImage(opaque, upright.Width, upright.Height);
    }

    private static byte Mix(int front, int back, int alpha) => (byte)((front * alpha + back * (255 - alpha) + 127) / 255);

    // Skia has no packed RGB: a fourth byte pads each pixel and is not written.
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

    private static byte[] Repeat(byte[] grey)
    {
        var rgb = new byte[grey.Length * 3];
        for (var i = 0; i < rgb.Length; i++)
            rgb[i] = grey[i / 3];
        return rgb;
    }

    private static string Describe(SKCodecResult result) => result switch
    {
        SKCodecResult.IncompleteInput => "the file ends before the picture does",
        SKCodecResult.ErrorInInput or SKCodecResult.InvalidInput => "the picture data is damaged",
        _ => $"the picture could not be decoded ({result})",
    };
}
