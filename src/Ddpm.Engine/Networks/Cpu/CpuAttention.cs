using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary><see cref="AttentionBlock"/> over channels-last activations. The scores and what follows from them are float32 always.</summary>
internal sealed unsafe class CpuAttention : IDisposable
{
    private const int QueriesAtOnce = 4 * MatrixKernels.MostRows;
    private const int Panel = MatrixKernels.PanelWidth;

    private readonly Normalization? _norm;
    private readonly PixelProduct _queriesKeysValues;
    private readonly PixelProduct _out;
    private readonly PanelBias _inBias;
    private readonly PanelBias _outBias;
    private readonly int _heads;
    private readonly int _headDim;
    private readonly float _factor;

    /// <param name="weights">The block's.</param>
    /// <param name="channels">In and out.</param>
    /// <param name="headDim">Of a head; null for one head.</param>
    /// <param name="groups">Of the norm; null for no norm.</param>
    /// <param name="eps">Of the norm.</param>
    /// <param name="outputScale">The result is divided by this.</param>
    /// <param name="type">What linear layers compute in.</param>
    public CpuAttention(BlockWeights weights, int channels, int? headDim, int? groups, double eps, double outputScale, MatrixType type)
    {
        _headDim = headDim ?? channels;
        _heads = channels / _headDim;
        _factor = (float)(1 / outputScale);
        _norm = groups is { } count ? new Normalization(weights["group_norm.weight"], weights["group_norm.bias"], count, eps) : null;
        using var weight = cat([weights["to_q.weight"], weights["to_k.weight"], weights["to_v.weight"]]);
        using var bias = cat([weights["to_q.bias"], weights["to_k.bias"], weights["to_v.bias"]]);
        _queriesKeysValues = new PixelProduct(weight, [channels], type);
        _inBias = new PanelBias(bias);
        _out = new PixelProduct(weights["to_out.0.weight"], [_heads * _headDim], type);
        _outBias = new PanelBias(weights["to_out.0.bias"]);
    }

    /// <summary>Of the prepared weights.</summary>
    public long Bytes => _queriesKeysValues.Bytes + _out.Bytes;

    /// <param name="pass">The pass.</param>
    /// <param name="x">Borrowed.</param>
    /// <returns>Taken from the pass's memory.</returns>
    public Activations Run(ForwardPass pass, Activations x)
    {
        var inner = _heads * _headDim;
        var affine = _norm is null ? null : _norm.Measure(pass, new Joined(x));
        var tokens = _norm is null ? x : new Preparation(pass).Run(new Joined(x), affine, Nonlinearity.None, Resampling.None, margin: 0);
        var projected = pass.Take(3 * inner, x.Height, x.Width);
        _queriesKeysValues.Run(pass, new Joined(tokens), projected, new Epilogue(_inBias.Data));
        if (_norm is not null)
        {
            _norm.Return(pass, affine);
            pass.Return(tokens);
        }

        var attended = pass.Take(inner, x.Height, x.Width);
        Attend(pass, projected, attended);
        pass.Return(projected);
        var result = pass.Take(x.Channels, x.Height, x.Width);
        _out.Run(pass, new Joined(attended), result, new Epilogue(_outBias.Data) { Residual = x.Data, Factor = _factor });
        pass.Return(attended);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _queriesKeysValues.Dispose();
        _out.Dispose();
        _inBias.Dispose();
        _outBias.Dispose();
    }

    // Vaswani et al. 2017, eq. 1, a head at a time: first keys and values as panels, then the queries, some at once.
    private void Attend(ForwardPass pass, Activations projected, Activations attended)
    {
        var tokens = projected.Pixels;
        var padded = (tokens + Panel - 1) / Panel * Panel;
        var (keyFloats, valueFloats) = ((long)padded * _headDim, (long)tokens * ((_headDim + Panel - 1) / Panel * Panel));
        var packed = pass.Space.Take(pass.Capacity * _heads * (keyFloats + valueFloats));
        pass.Share(pass.Pictures * _heads, (long)pass.Pictures * projected.PictureSize, (piece, _) =>
        {
            var (picture, head) = Math.DivRem(piece, _heads);
            var keys = packed + (piece * (keyFloats + valueFloats));
            Pack(projected.Of(picture) + ((_heads + head) * _headDim), projected.Channels, tokens, keys, keys + keyFloats);
        });

        var blocks = (tokens + QueriesAtOnce - 1) / QueriesAtOnce;
        pass.Share(pass.Pictures * _heads * blocks, (long)pass.Pictures * _heads * tokens * tokens, (piece, member) =>
        {
            var (pair, block) = Math.DivRem(piece, blocks);
            var (picture, head) = Math.DivRem(pair, _heads);
            var (first, end) = (tokens * block / blocks, tokens * (block + 1) / blocks);
            var keys = packed + (pair * (keyFloats + valueFloats));
            var scores = pass.Scratch(member, (long)(end - first) * (padded + Panel + 1));
            var queries = projected.Of(picture) + ((long)first * projected.Channels) + (head * _headDim);
            Head(queries, projected.Channels, end - first, tokens, padded, keys, keys + keyFloats, scores, attended.Of(picture) + ((long)first * attended.Channels) + (head * _headDim), attended.Channels);
        });
        pass.Space.Return(packed, pass.Capacity * _heads * (keyFloats + valueFloats));
    }

    private void Pack(float* key, int stride, int tokens, float* keys, float* values)
    {
        var value = key + (_heads * _headDim);
        var inPanels = (tokens + Panel - 1) / Panel * Panel;
        for (var token = 0; token < inPanels; token++)
        {
            var target = keys + ((long)(token / Panel) * _headDim * Panel) + (token % Panel);
            for (var n = 0; n < _headDim; n++)
                target[n * Panel] = token < tokens ? key[((long)token * stride) + n] : 0;
        }

        for (var first = 0; first < _headDim; first += Panel)
            for (var token = 0; token < tokens; token++)
            {
                var count = Math.Min(Panel, _headDim - first);
                var target = values + ((((long)first / Panel * tokens) + token) * Panel);
                Buffer.MemoryCopy(value + ((long)token * stride) + first, target, count * 4, count * 4);
                new Span<float>(target + count, Panel - count).Clear();
            }
    }

    private void Head(float* queries, int stride, int count, int tokens, int padded, float* keys, float* values, float* scores, float* target, int targetStride)
    {
        for (var panel = 0; panel < padded / Panel; panel++)
            MatrixKernels.Multiply(
                count, queries, stride * 4, keys + ((long)panel * _headDim * Panel), scores + (panel * Panel), padded * 4, _headDim, accumulate: false, MatrixType.Float32);
        var sums = scores + ((long)count * padded);
        var weighted = sums + count;
        var scale = (float)(1 / Math.Sqrt(_headDim));
        for (var row = 0; row < count; row++)
            sums[row] = 1 / Softmax.Exponentials(scores + ((long)row * padded), tokens, padded, scale);
        for (var first = 0; first < _headDim; first += Panel)
        {
            MatrixKernels.Multiply(count, scores, padded * 4, values + ((long)first / Panel * tokens * Panel), weighted, Panel * 4, tokens, accumulate: false, MatrixType.Float32);
            for (var row = 0; row < count; row++)
                for (var n = 0; n < Math.Min(Panel, _headDim - first); n++)
                    target[((long)row * targetStride) + first + n] = weighted[(row * Panel) + n] * sums[row];
        }
    }
}
