using Ddpm.Engine.Imaging;
using Ddpm.Engine.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Data;

/// <summary>Bytes 0 to 255, as pictures are stored, and floats -1 to 1, as the network sees them.</summary>
public static class PixelRange
{
    /// <summary>x/127.5 − 1.</summary>
    /// <returns>float32 <c>[count, channels, height, width]</c> on the device; the caller disposes it.</returns>
    public static Tensor ToFloat(PixelBatch images, Device device)
    {
        using var scope = NewDisposeScope();
        var bytes = tensor(images.Pixels, [images.Count, images.Channels, images.Height, images.Width], dtype: ScalarType.Byte);
        using Scalar half = 127.5, one = 1;
        return bytes.to(device).to(ScalarType.Float32).div_(half).sub_(one).MoveToOuterDisposeScope(); // bytes travel, not floats
    }

    /// <summary>x/127.5 − 1, without a tensor.</summary>
    /// <returns>Values laid out as the pixels are; <see cref="ToBytes(Tensor)"/> gives the same bytes back.</returns>
    public static float[] ToFloat(PixelBatch images) => [.. images.Pixels.Select(value => (value / 127.5f) - 1)];

    /// <summary>255·(x/2 + 1/2), what lies outside [-1, 1] clamped, rounded half to even as numpy and diffusers do.</summary>
    /// <param name="images">float <c>[count, channels, height, width]</c> on any device. Borrowed.</param>
    /// <exception cref="ArgumentException">Not of that shape, or neither 1 nor 3 channels.</exception>
    public static PixelBatch ToBytes(Tensor images)
    {
        if (images.ndim != 4 || images.shape[1] is not (1 or 3))
            throw new ArgumentException($"Expected [batch, 1 or 3, height, width], got [{string.Join(", ", images.shape)}].", nameof(images));

        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using Scalar two = 2, half = 0.5, least = 0, most = 1, range = 255;
        var bytes = images.to(ScalarType.Float32).div(two).add_(half, Scalars.One).clamp_(least, most).mul_(range).round_().to(ScalarType.Byte).cpu().contiguous();
        var shape = images.shape;
        return new PixelBatch(bytes.data<byte>().ToArray(), (int)shape[0], (int)shape[1], (int)shape[2], (int)shape[3]);
    }

    /// <summary>The same, without a tensor.</summary>
    /// <param name="values">Laid out as the pixels will be.</param>
    /// <param name="pixels">As long.</param>
    public static void ToBytes(ReadOnlySpan<float> values, Span<byte> pixels)
    {
        for (var at = 0; at < pixels.Length; at++)
            pixels[at] = (byte)MathF.Round(MathF.Min(MathF.Max((values[at] / 2) + 0.5f, 0), 1) * 255); // half to even
    }
}
