namespace Ddpm.Engine.Networks;

/// <summary>A part of a network as training needs it: its trained weights, and the numbers that its forward pass has to leave for its backward pass.</summary>
/// <remarks>
/// Of the latter only what no way of computing does without: the inputs of norms, convolutions and linear layers, and the queries, keys and values of attention. Not counted are
/// results of activations that are kept beside their inputs, masks of dropout, the embedding of timesteps, and room for work.
/// </remarks>
/// <param name="Weights">Trained numbers.</param>
/// <param name="Kept">Numbers of a picture that are kept in any case.</param>
/// <param name="Recomputable">Numbers of a picture that <see cref="UNet.RecomputesBlocks"/> does not keep, but makes again for the backward pass of this part.</param>
internal readonly record struct NetworkPart(double Weights, double Kept, double Recomputable)
{
    /// <summary>The parts of a network in the order of its forward pass.</summary>
    /// <param name="config">A valid one.</param>
    /// <param name="pixels">Of a picture.</param>
    public static IReadOnlyList<NetworkPart> Of(UNetConfig config, long pixels) => [.. new Walk(config, pixels).Parts()];

    // Goes through the network as its constructor does.
    private sealed class Walk(UNetConfig config, double pixels)
    {
        private readonly IReadOnlyList<int> _channels = config.BlockOutChannels;
        private double _pixels = pixels; // of a picture, where the walk is

        public IEnumerable<NetworkPart> Parts()
        {
            var (top, bottom, last) = (_channels[0], _channels[^1], _channels.Count - 1);
            yield return Embedding();
            yield return new NetworkPart(Convolution(config.InChannels, top, 9), config.InChannels * _pixels, 0);
            for (var level = 0; level <= last; level++)
                foreach (var part in Down(level))
                    yield return part;
            if (config.MidBlockType is not null)
            {
                yield return Residual(bottom, bottom);
                if (config.AddAttention)
                    yield return Attention(bottom, hasNorm: config.AttnNormNumGroups is not null || config.ResnetTimeScaleShift == "default");
                yield return Residual(bottom, bottom);
            }

            for (var level = last; level >= 0; level--)
                foreach (var part in Up(level))
                    yield return part;
            yield return new NetworkPart((2.0 * top) + Convolution(top, config.OutChannels, 9), 2 * top * _pixels, 0);
        }

        private IEnumerable<NetworkPart> Down(int level)
        {
            var (type, inputs, outputs) = (config.DownBlockTypes[level], _channels[Math.Max(level - 1, 0)], _channels[level]);
            for (var layer = 0; layer < config.LayersPerBlock; layer++)
            {
                yield return Residual(layer == 0 ? inputs : outputs, outputs);
                if (type == "AttnDownBlock2D")
                    yield return Attention(outputs);
            }

            if (level == _channels.Count - 1)
                yield break;
            var (before, after) = (_pixels, _pixels / 4);
            yield return DownBlock.UsesResnet(type, config.DownsampleType)
                ? Residual(outputs, outputs, after)
                : new NetworkPart(Convolution(outputs, outputs, 9), outputs * before, 0);
            _pixels = after;
        }

        private IEnumerable<NetworkPart> Up(int level)
        {
            var (type, below, outputs) = (config.UpBlockTypes[_channels.Count - 1 - level], _channels[Math.Min(level + 1, _channels.Count - 1)], _channels[level]);
            for (var layer = 0; layer <= config.LayersPerBlock; layer++)
            {
                var skip = layer == config.LayersPerBlock ? _channels[Math.Max(level - 1, 0)] : outputs;
                yield return Residual((layer == 0 ? below : outputs) + skip, outputs);
                if (type == "AttnUpBlock2D")
                    yield return Attention(outputs);
            }

            if (level == 0)
                yield break;
            var after = 4 * _pixels;
            yield return DownBlock.UsesResnet(type, config.UpsampleType)
                ? Residual(outputs, outputs, after)
                : new NetworkPart(Convolution(outputs, outputs, 9), outputs * after, 0);
            _pixels = after;
        }

        private NetworkPart Embedding()
        {
            double width = config.TimeEmbeddingWidth;
            var features = _channels[0] * (config.TimeEmbeddingType == "fourier" ? 2 : 1);
            return new NetworkPart(Linear(features, width) + Linear(width, width) + ((config.NumClassEmbeds ?? 0) * width), 0, 0);
        }

        private NetworkPart Residual(int inputs, int outputs, double? resampled = null)
        {
            var time = Linear(config.TimeEmbeddingWidth, config.ResnetTimeScaleShift == "scale_shift" ? 2 * outputs : outputs);
            var weights = (2.0 * inputs) + Convolution(inputs, outputs, 9) + time + (2.0 * outputs) + Convolution(outputs, outputs, 9) + (inputs == outputs ? 0 : Convolution(inputs, outputs, 1));
            // Kept is what the first norm, and the shortcut, read. Made again: what the first convolution, the second norm and the second convolution read.
            return new NetworkPart(weights, inputs * _pixels, (inputs + (2.0 * outputs)) * (resampled ?? _pixels));
        }

        private NetworkPart Attention(int channels, bool hasNorm = true)
        {
            var head = config.AttentionHeadDim ?? channels;
            var inner = channels / head * head;
            var weights = (hasNorm ? 2.0 * channels : 0) + (3 * Linear(channels, inner)) + Linear(inner, channels);
            // Made again: the norm's result, queries, keys, values, and what the last linear layer reads.
            return new NetworkPart(weights, channels * _pixels, ((hasNorm ? channels : 0) + (4.0 * inner)) * _pixels);
        }

        private static double Convolution(double inputs, double outputs, int taps) => (inputs * outputs * taps) + outputs;

        private static double Linear(double inputs, double outputs) => (inputs * outputs) + outputs;
    }
}
