using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Training;

/// <summary>Sizes of a group norm over pictures in channels-last order, <c>[batch, pixels, channels]</c>.</summary>
/// <param name="Batch">Pictures.</param>
/// <param name="Pixels">Of a picture.</param>
/// <param name="Channels">A multiple of 16.</param>
/// <param name="Groups">Of channels.</param>
/// <param name="Epsilon">Added to variances.</param>
/// <param name="Activates">Whether SiLU follows.</param>
internal readonly record struct GroupNormShape(int Batch, int Pixels, int Channels, int Groups, double Epsilon, bool Activates)
{
    private const int BlockElements = 1 << 15; // 128 KiB in float32: what a thread goes through twice stays near it

    public int ChannelsPerGroup => Channels / Groups;

    /// <summary>Rows, pixels that is, that are summed up by themselves: a matter of the shape only, so that sums do not depend on threads.</summary>
    public int BlockPixels => Math.Clamp(BlockElements / Channels, 1, Pixels);

    public int Blocks => (Pixels + BlockPixels - 1) / BlockPixels;
}

/// <summary>GroupNorm (Wu &amp; He 2018) and SiLU forward and backward, in two passes over memory each. What is summed up or normalised is float32, sums of blocks are float64.</summary>
/// <typeparam name="T">The pictures' number type.</typeparam>
internal static unsafe class GroupNormKernel<T>
    where T : struct, IElement
{
    private static readonly int Lanes = Vector512<float>.Count;

    /// <summary>y = silu(norm(x + shift)).</summary>
    /// <param name="shape">Sizes.</param>
    /// <param name="x">Pictures.</param>
    /// <param name="shift"><c>[batch, channels]</c>, added to every pixel; null for none.</param>
    /// <param name="weight"><c>[channels]</c>.</param>
    /// <param name="bias"><c>[channels]</c>.</param>
    /// <param name="y">Receives the result.</param>
    /// <param name="sums">Receives, for the backward pass, the sum of each channel of each picture, its shift included: <c>[batch, channels]</c>.</param>
    /// <param name="moments">Receives mean and 1/σ of each group: <c>[batch, groups, 2]</c>.</param>
    public static void Forward(GroupNormShape shape, void* x, float* shift, float* weight, float* bias, void* y, double[] sums, double[] moments)
    {
        var blocks = new double[shape.Batch * shape.Blocks * shape.Channels * 2];
        ForEachBlock(shape, (picture, block, first, count) =>
        {
            for (var channel = 0; channel < shape.Channels; channel += Lanes)
            {
                var pivot = T.Load(x, Index(shape, picture, 0, channel));
                var (sum, squares) = (Vector512<float>.Zero, Vector512<float>.Zero);
                for (var pixel = first; pixel < first + count; pixel++)
                {
                    var value = T.Load(x, Index(shape, picture, pixel, channel)) - pivot; // or squares of a mean far from 0 would drown the variance
                    sum += value;
                    squares += value * value;
                }

                Keep(shape, blocks, picture, block, channel, sum, squares);
            }
        });
        var totals = Total(shape, blocks);
        Unpivot(shape, totals, x, shift);
        var (scale, offset) = (new float[shape.Batch * shape.Channels], new float[shape.Batch * shape.Channels]);
        for (var picture = 0; picture < shape.Batch; picture++)
            for (var group = 0; group < shape.Groups; group++)
            {
                var (sum, squares) = GroupSum(shape, totals, picture, group, _ => 1);
                var n = (double)shape.ChannelsPerGroup * shape.Pixels;
                var mean = sum / n;
                var inverse = 1 / Math.Sqrt(Math.Max((squares / n) - (mean * mean), 0) + shape.Epsilon);
                if (double.IsNaN(squares - squares))
                    inverse = double.NaN; // infinite pictures have no norm
                (moments[Moment(shape, picture, group)], moments[Moment(shape, picture, group) + 1]) = (mean, inverse);
                for (var channel = group * shape.ChannelsPerGroup; channel < (group + 1) * shape.ChannelsPerGroup; channel++)
                {
                    var at = (picture * shape.Channels) + channel;
                    sums[at] = totals[2 * at];
                    scale[at] = (float)(inverse * weight[channel]);
                    offset[at] = (float)(bias[channel] + (((shift is null ? 0 : shift[at]) - mean) * inverse * weight[channel]));
                }
            }

        ForEachBlock(shape, (picture, _, first, count) =>
        {
            for (var pixel = first; pixel < first + count; pixel++)
                for (var channel = 0; channel < shape.Channels; channel += Lanes)
                {
                    var at = Index(shape, picture, pixel, channel);
                    var z = (T.Load(x, at) * Load(scale, shape, picture, channel)) + Load(offset, shape, picture, channel);
                    T.Store(shape.Activates ? z * Sigmoid.Of(z) : z, y, at);
                }
        });
    }

    /// <summary>The gradients of <see cref="Forward"/>.</summary>
    /// <param name="shape">Sizes.</param>
    /// <param name="x">As there.</param>
    /// <param name="shift">As there.</param>
    /// <param name="weight">As there.</param>
    /// <param name="bias">As there.</param>
    /// <param name="sums">From there.</param>
    /// <param name="moments">From there.</param>
    /// <param name="dy">Gradient of the result.</param>
    /// <param name="dx">Receives the pictures' gradient.</param>
    /// <param name="dshift">Receives the shift's, where there is one.</param>
    /// <param name="dweight">Receives the weight's.</param>
    /// <param name="dbias">Receives the bias's.</param>
    public static void Backward(
        GroupNormShape shape, void* x, float* shift, float* weight, float* bias, double[] sums, double[] moments, void* dy, void* dx, float[] dshift, float[] dweight, float[] dbias)
    {
        var size = shape.Batch * shape.Channels;
        var (scale, offset, centre) = (new float[size], new float[size], new float[size]);
        for (var at = 0; at < size; at++)
        {
            var (picture, channel) = Math.DivRem(at, shape.Channels);
            var moment = Moment(shape, picture, channel / shape.ChannelsPerGroup);
            var toCentre = (shift is null ? 0 : shift[at]) - moments[moment];
            scale[at] = (float)(moments[moment + 1] * weight[channel]);
            offset[at] = (float)(bias[channel] + (toCentre * moments[moment + 1] * weight[channel]));
            centre[at] = (float)toCentre;
        }

        var blocks = new double[shape.Batch * shape.Blocks * shape.Channels * 2];
        ForEachBlock(shape, (picture, block, first, count) =>
        {
            for (var channel = 0; channel < shape.Channels; channel += Lanes)
            {
                var (a, b, c) = (Load(scale, shape, picture, channel), Load(offset, shape, picture, channel), Load(centre, shape, picture, channel));
                var (sum, products) = (Vector512<float>.Zero, Vector512<float>.Zero);
                for (var pixel = first; pixel < first + count; pixel++)
                {
                    var at = Index(shape, picture, pixel, channel);
                    var value = T.Load(x, at);
                    var dz = Slope(shape, T.Load(dy, at), (value * a) + b);
                    sum += dz;
                    products += dz * (value + c);
                }

                Keep(shape, blocks, picture, block, channel, sum, products);
            }
        });
        var totals = Total(shape, blocks);
        var (ofX, constant) = (new float[size], new float[size]);
        var (ofWeight, ofBias) = (new double[shape.Channels], new double[shape.Channels]);
        for (var picture = 0; picture < shape.Batch; picture++)
            for (var group = 0; group < shape.Groups; group++)
            {
                var (mean, inverse) = (moments[Moment(shape, picture, group)], moments[Moment(shape, picture, group) + 1]);
                var (sum, products) = GroupSum(shape, totals, picture, group, channel => weight[channel]);
                var n = (double)shape.ChannelsPerGroup * shape.Pixels;
                var slope = -products * inverse * inverse * inverse / n;
                var rest = -sum * inverse / n;
                for (var channel = group * shape.ChannelsPerGroup; channel < (group + 1) * shape.ChannelsPerGroup; channel++)
                {
                    var at = (picture * shape.Channels) + channel;
                    ofWeight[channel] += totals[(2 * at) + 1] * inverse;
                    ofBias[channel] += totals[2 * at];
                    (ofX[at], constant[at]) = ((float)slope, (float)rest);
                    if (shift is not null)
                        dshift[at] = (float)((inverse * weight[channel] * totals[2 * at]) + (slope * (sums[at] - (shape.Pixels * mean))) + (rest * shape.Pixels)); // Σ dx
                }
            }

        for (var channel = 0; channel < shape.Channels; channel++)
            (dweight[channel], dbias[channel]) = ((float)ofWeight[channel], (float)ofBias[channel]);
        ForEachBlock(shape, (picture, _, first, count) =>
        {
            for (var pixel = first; pixel < first + count; pixel++)
                for (var channel = 0; channel < shape.Channels; channel += Lanes)
                {
                    var at = Index(shape, picture, pixel, channel);
                    var value = T.Load(x, at);
                    var a = Load(scale, shape, picture, channel);
                    var dz = Slope(shape, T.Load(dy, at), (value * a) + Load(offset, shape, picture, channel));
                    var centred = value + Load(centre, shape, picture, channel);
                    T.Store((dz * a) + (centred * Load(ofX, shape, picture, channel)) + Load(constant, shape, picture, channel), dx, at);
                }
        });
    }

    // d silu(z) = s·(1 + z·(1 − s)), s = sigmoid(z).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Slope(GroupNormShape shape, Vector512<float> dy, Vector512<float> z)
    {
        if (!shape.Activates)
            return dy;
        var s = Sigmoid.Of(z);
        return dy * s * (Vector512<float>.One + (z * (Vector512<float>.One - s)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint Index(GroupNormShape shape, int picture, int pixel, int channel) => (((nint)picture * shape.Pixels) + pixel) * shape.Channels + channel;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Load(float[] ofChannels, GroupNormShape shape, int picture, int channel) =>
        Vector512.LoadUnsafe(ref ofChannels[(picture * shape.Channels) + channel]);

    private static int Moment(GroupNormShape shape, int picture, int group) => 2 * ((picture * shape.Groups) + group);

    private static void Keep(GroupNormShape shape, double[] blocks, int picture, int block, int channel, Vector512<float> first, Vector512<float> second)
    {
        var at = 2 * ((((picture * shape.Blocks) + block) * shape.Channels) + channel);
        for (var lane = 0; lane < Lanes; lane++)
            (blocks[at + (2 * lane)], blocks[at + (2 * lane) + 1]) = (first[lane], second[lane]);
    }

    // From sums of x − pivot and (x − pivot)² to those of x + shift and its square.
    private static void Unpivot(GroupNormShape shape, double[] totals, void* x, float* shift)
    {
        var pivots = stackalloc float[Lanes];
        for (var at = 0; at < shape.Batch * shape.Channels; at++)
        {
            var (picture, channel) = Math.DivRem(at, shape.Channels);
            if (channel % Lanes == 0)
                T.Load(x, Index(shape, picture, 0, channel)).Store(pivots);
            var pivot = (double)pivots[channel % Lanes] + (shift is null ? 0 : shift[at]);
            var (sum, squares) = (totals[2 * at], totals[(2 * at) + 1]);
            totals[2 * at] = sum + (shape.Pixels * pivot);
            totals[(2 * at) + 1] = squares + (2 * pivot * sum) + (shape.Pixels * pivot * pivot);
        }
    }

    // [batch, channels, 2]
    private static double[] Total(GroupNormShape shape, double[] blocks)
    {
        var width = 2 * shape.Channels;
        var totals = new double[shape.Batch * width];
        for (var block = 0; block < shape.Batch * shape.Blocks; block++)
            for (var at = 0; at < width; at++)
                totals[(block / shape.Blocks * width) + at] += blocks[(block * width) + at];
        return totals;
    }

    private static (double First, double Second) GroupSum(GroupNormShape shape, double[] totals, int picture, int group, Func<int, double> factor)
    {
        var (first, second) = (0.0, 0.0);
        for (var channel = group * shape.ChannelsPerGroup; channel < (group + 1) * shape.ChannelsPerGroup; channel++)
        {
            var at = 2 * ((picture * shape.Channels) + channel);
            first += factor(channel) * totals[at];
            second += factor(channel) * totals[at + 1];
        }

        return (first, second);
    }

    private static void ForEachBlock(GroupNormShape shape, Action<int, int, int, int> work)
    {
        var count = shape.Batch * shape.Blocks;
        if (count == 1)
            Do(0);
        else
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, get_num_threads()) }, Do);

        void Do(int index)
        {
            var (picture, block) = Math.DivRem(index, shape.Blocks);
            var first = block * shape.BlockPixels;
            work(picture, block, first, Math.Min(shape.BlockPixels, shape.Pixels - first));
        }
    }
}
