using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>Group normalisation (Wu &amp; He 2018) as a factor and a summand for each channel of each picture: y = factor·x + summand. Whoever reads x applies them.</summary>
internal sealed unsafe class Normalization(Tensor weight, Tensor bias, int groups, double eps)
{
    private const int ChunkPixels = 256; // summed in float32; the sums of chunks in float64

    private readonly float[] _weight = [.. weight.data<float>()];
    private readonly float[] _bias = [.. bias.data<float>()];

    /// <summary>Measures activations.</summary>
    /// <param name="pass">The pass.</param>
    /// <param name="x">Borrowed.</param>
    /// <param name="scaleShift">For each picture a scale and a shift of each channel that follow the norm: y = norm·(1 + scale) + shift; null for none.</param>
    /// <param name="scaleShiftStride">Floats from picture to picture.</param>
    /// <returns>[pictures, 2, channels], factors and summands; <see cref="Return"/> gives it back.</returns>
    public float* Measure(ForwardPass pass, Joined x, float* scaleShift = null, int scaleShiftStride = 0)
    {
        var channels = x.Channels;
        var pixels = x.Height * x.Width;
        var chunks = (pixels + ChunkPixels - 1) / ChunkPixels;
        var sums = pass.Space.Take((long)chunks * 2 * channels * pass.Capacity);
        var affine = pass.Space.Take((long)2 * channels * pass.Capacity);
        pass.Share(pass.Pictures * chunks, (long)pass.Pictures * pixels * channels, (piece, _) =>
        {
            var (picture, chunk) = Math.DivRem(piece, chunks);
            var first = chunk * ChunkPixels;
            var target = sums + ((long)piece * 2 * channels);
            for (var part = 0; part < x.Count; part++)
            {
                var (source, channel) = x[part];
                Sum(source.Of(picture), first, Math.Min(ChunkPixels, pixels - first), source.Channels, target + channel, target + channels + channel);
            }
        });
        for (var picture = 0; picture < pass.Pictures; picture++)
            Finish(x, picture, sums + ((long)picture * chunks * 2 * channels), chunks, pixels, affine + ((long)picture * 2 * channels), scaleShift is null ? null : scaleShift + ((long)picture * scaleShiftStride));
        pass.Space.Return(sums, (long)chunks * 2 * channels * pass.Capacity);
        return affine;
    }

    /// <summary>Gives back what <see cref="Measure"/> returned.</summary>
    public void Return(ForwardPass pass, float* affine) => pass.Space.Return(affine, (long)2 * _weight.Length * pass.Capacity);

    // Of differences to the picture's first pixel: squares of a mean far from 0 would drown the variance.
    private static void Sum(float* picture, int first, int pixels, int channels, float* sums, float* squares)
    {
        var channel = 0;
        for (; channel + 64 <= channels; channel += 64)
        {
            var pivot = picture + channel;
            var (p0, p1, p2, p3) = (Vector512.Load(pivot), Vector512.Load(pivot + 16), Vector512.Load(pivot + 32), Vector512.Load(pivot + 48));
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, q0 = default, q1 = default, q2 = default, q3 = default;
            var source = pivot + ((long)first * channels);
            for (var pixel = 0; pixel < pixels; pixel++, source += channels)
            {
                var a = Vector512.Load(source) - p0;
                var b = Vector512.Load(source + 16) - p1;
                var c = Vector512.Load(source + 32) - p2;
                var d = Vector512.Load(source + 48) - p3;
                s0 += a;
                s1 += b;
                s2 += c;
                s3 += d;
                q0 = Avx512F.FusedMultiplyAdd(a, a, q0);
                q1 = Avx512F.FusedMultiplyAdd(b, b, q1);
                q2 = Avx512F.FusedMultiplyAdd(c, c, q2);
                q3 = Avx512F.FusedMultiplyAdd(d, d, q3);
            }

            s0.Store(sums + channel);
            s1.Store(sums + channel + 16);
            s2.Store(sums + channel + 32);
            s3.Store(sums + channel + 48);
            q0.Store(squares + channel);
            q1.Store(squares + channel + 16);
            q2.Store(squares + channel + 32);
            q3.Store(squares + channel + 48);
        }

        for (; channel < channels; channel += 16)
        {
            Vector512<float> sum = default, square = default;
            for (var pixel = first; pixel < first + pixels; pixel++)
            {
                var a = Vector512.Load(picture + ((long)pixel * channels) + channel) - Vector512.Load(picture + channel);
                sum += a;
                square = Avx512F.FusedMultiplyAdd(a, a, square);
            }

            sum.Store(sums + channel);
            square.Store(squares + channel);
        }
    }

    private void Finish(Joined x, int picture, float* sums, int chunks, int pixels, float* affine, float* scaleShift)
    {
        var channels = _weight.Length;
        var size = channels / groups;
        var count = (double)size * pixels;
        Span<double> means = stackalloc double[size];
        for (var group = 0; group < groups; group++)
        {
            double mean = 0, spread = 0; // of the group; the spread is the sum of squares about the mean
            for (var n = 0; n < size; n++)
            {
                var channel = (group * size) + n;
                double sum = 0, square = 0;
                for (var chunk = 0; chunk < chunks; chunk++)
                {
                    var of = sums + ((long)chunk * 2 * channels) + channel;
                    sum += of[0];
                    square += of[channels];
                }

                means[n] = FirstPixel(x, picture, channel) + (sum / pixels);
                mean += means[n] / size;
                spread += square - (sum * sum / pixels);
            }

            foreach (var ofChannel in means)
                spread += pixels * (ofChannel - mean) * (ofChannel - mean);
            var deviation = 1 / Math.Sqrt(Math.Max(spread / count, 0) + eps);
            for (var channel = group * size; channel < (group + 1) * size; channel++)
            {
                var factor = _weight[channel] * deviation;
                var summand = _bias[channel] - (mean * factor);
                if (scaleShift is not null)
                {
                    factor *= 1 + scaleShift[channel];
                    summand = (summand * (1 + scaleShift[channel])) + scaleShift[channels + channel];
                }

                affine[channel] = (float)factor;
                affine[channels + channel] = (float)summand;
            }
        }
    }

    private static float FirstPixel(Joined x, int picture, int channel) =>
        channel < x.First.Channels ? x.First.Of(picture)[channel] : x.Second!.Value.Of(picture)[channel - x.First.Channels];
}
