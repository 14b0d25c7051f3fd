using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>What is done to activations on their way into a convolution: normalised, activated, resampled, joined and given a margin, in one pass over them.</summary>
internal sealed unsafe class Preparation(ForwardPass pass)
{
    /// <param name="x">Borrowed.</param>
    /// <param name="affine">What <see cref="Normalization.Measure"/> returned; null for x as it is.</param>
    /// <param name="nonlinearity">Follows the norm.</param>
    /// <param name="resampling">Follows that.</param>
    /// <param name="margin">Pixels of zero around each picture: 0 or 1.</param>
    /// <returns>Taken from the pass's memory; with the margin in its height and width.</returns>
    public Activations Run(Joined x, float* affine, Nonlinearity nonlinearity, Resampling resampling, int margin)
    {
        var (height, width) = resampling switch
        {
            Resampling.Down => (x.Height / 2, x.Width / 2),
            Resampling.Up => (2 * x.Height, 2 * x.Width),
            _ => (x.Height, x.Width),
        };
        var result = pass.Take(x.Channels, height + (2 * margin), width + (2 * margin));
        var pieces = pass.Pieces(result.Height, (long)result.Width * result.Channels);
        pass.Share(pass.Pictures * pieces, (long)pass.Pictures * result.PictureSize, (piece, _) =>
        {
            var (picture, band) = Math.DivRem(piece, pieces);
            for (var row = result.Height * band / pieces; row < result.Height * (band + 1) / pieces; row++)
            {
                var target = result.Of(picture) + ((long)row * result.Width * result.Channels);
                if (row < margin || row >= result.Height - margin)
                {
                    Clear(target, result.Width * result.Channels);
                    continue;
                }

                Clear(target, margin * result.Channels);
                Clear(target + ((width + margin) * result.Channels), margin * result.Channels);
                var of = affine is null ? null : affine + ((long)picture * 2 * x.Channels);
                Row(x, picture, row - margin, of, nonlinearity, resampling, target + (margin * result.Channels), width);
            }
        });
        return result;
    }

    private static void Row(Joined x, int picture, int row, float* affine, Nonlinearity nonlinearity, Resampling resampling, float* target, int width)
    {
        var channels = x.Channels;
        for (var part = 0; part < x.Count; part++)
        {
            var (source, first) = x[part];
            var line = source.Width * source.Channels;
            var factors = affine + first;
            var summands = affine + channels + first;
            var has = affine is not null;
            switch (resampling)
            {
                case Resampling.None:
                    Pixels(source.Of(picture) + ((long)row * line), source.Channels, source.Channels, width, target + first, channels, factors, summands, has, nonlinearity);
                    break;
                case Resampling.Up:
                    // Each pixel once into every other place, then copied beside it.
                    Pixels(source.Of(picture) + ((long)(row / 2) * line), source.Channels, source.Channels, width / 2, target + first, 2 * channels, factors, summands, has, nonlinearity);
                    for (var pixel = 0; pixel < width; pixel += 2)
                        Buffer.MemoryCopy(target + first + (pixel * channels), target + first + ((pixel + 1) * channels), source.Channels * 4, source.Channels * 4);
                    break;
                default:
                    Pool(source.Of(picture) + ((long)row * 2 * line), line, source.Channels, width, target + first, channels, factors, summands, has, nonlinearity);
                    break;
            }
        }
    }

    private static void Pixels(float* source, int count, int sourceStride, int pixels, float* target, int targetStride, float* factors, float* summands, bool hasAffine, Nonlinearity nonlinearity)
    {
        if (!hasAffine && nonlinearity == Nonlinearity.None)
        {
            for (var pixel = 0; pixel < pixels; pixel++, source += sourceStride, target += targetStride)
                Buffer.MemoryCopy(source, target, count * 4, count * 4);
            return;
        }

        for (var pixel = 0; pixel < pixels; pixel++, source += sourceStride, target += targetStride)
            for (var channel = 0; channel < count; channel += 16)
                Value(Vector512.Load(source + channel), factors + channel, summands + channel, hasAffine, nonlinearity).Store(target + channel);
    }

    // diffusers pools after the activation.
    private static void Pool(float* source, int line, int count, int pixels, float* target, int targetStride, float* factors, float* summands, bool hasAffine, Nonlinearity nonlinearity)
    {
        for (var pixel = 0; pixel < pixels; pixel++, source += 2 * count, target += targetStride)
            for (var channel = 0; channel < count; channel += 16)
            {
                var sum = Of(source + channel) + Of(source + count + channel) + Of(source + line + channel) + Of(source + line + count + channel);
                (sum * Vector512.Create(0.25f)).Store(target + channel);

                Vector512<float> Of(float* place) => Value(Vector512.Load(place), factors + channel, summands + channel, hasAffine, nonlinearity);
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Value(Vector512<float> x, float* factor, float* summand, bool hasAffine, Nonlinearity nonlinearity)
    {
        if (hasAffine)
            x = Avx512F.FusedMultiplyAdd(x, Vector512.Load(factor), Vector512.Load(summand));
        return nonlinearity switch
        {
            Nonlinearity.Silu => VectorMath.Silu(x),
            Nonlinearity.Relu => Avx512F.Max(Vector512<float>.Zero, x),
            _ => x,
        };
    }

    private static void Clear(float* target, int floats) => new Span<float>(target, floats).Clear();
}
