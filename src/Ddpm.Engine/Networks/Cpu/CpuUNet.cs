namespace Ddpm.Engine.Networks.Cpu;

/// <summary>The parts of a <see cref="UNet"/> between its two convolutions, and those, over channels-last activations.</summary>
internal sealed unsafe class CpuUNet : IDisposable
{
    private readonly UNetConfig _config;
    private readonly (int Height, int Width) _size;
    private readonly int _inputs; // padded with zeros
    private readonly int _outputs;
    private readonly IConvolution _convIn;
    private readonly PanelBias _convInBias;
    private readonly List<Level> _down = [];
    private readonly Level? _mid;
    private readonly List<Level> _up = [];
    private readonly Normalization _normOut;
    private readonly IConvolution _convOut;
    private readonly PanelBias _convOutBias;

    /// <param name="config">The network's.</param>
    /// <param name="weights">The network's.</param>
    /// <param name="times">Receives all projections of the time embedding.</param>
    /// <param name="type">What matrices are multiplied in.</param>
    /// <param name="size">Of a picture.</param>
    public CpuUNet(UNetConfig config, BlockWeights weights, TimeProjectionsBuilder times, MatrixType type, (int Height, int Width) size)
    {
        (_config, _size) = (config, size);
        (_inputs, _outputs) = (Padded(config.InChannels), Padded(config.OutChannels));
        var channels = config.BlockOutChannels;
        var levels = channels.Count;
        // The first and the last convolution are next to the picture: what they round is seen, and they are small.
        _convIn = Convolutions.Create(weights["conv_in.weight"], _inputs, size, MatrixType.Float32);
        _convInBias = new PanelBias(weights["conv_in.bias"]);
        var skips = new Stack<int>([channels[0]]);
        var at = size;
        for (var index = 0; index < levels; index++)
        {
            var level = new Level();
            for (var layer = 0; layer < config.LayersPerBlock; layer++)
            {
                level.Resnets.Add(new CpuResidualBlock(weights.Of($"down_blocks.{index}.resnets.{layer}"), [skips.Peek()], at, config, times, type));
                skips.Push(channels[index]);
                if (config.DownBlockTypes[index] == "AttnDownBlock2D")
                    level.Attentions.Add(Attention($"down_blocks.{index}.attentions.{layer}", channels[index], config.NormNumGroups, 1));
            }

            if (index < levels - 1)
            {
                var name = $"down_blocks.{index}.downsamplers.0";
                var half = (at.Height / 2, at.Width / 2);
                if (DownBlock.UsesResnet(config.DownBlockTypes[index], config.DownsampleType))
                    level.Resampler = new CpuResidualBlock(weights.Of(name), [channels[index]], at, config, times, type, Resampling.Down);
                else
                    level.Convolution = new Resampler(weights.Of(name), half, type, Resampling.None, stride: 2, offset: config.DownsamplePadding == 0 ? 1 : 0);
                skips.Push(channels[index]);
                at = half;
            }

            _down.Add(level);
        }

        if (config.MidBlockType is not null)
        {
            _mid = new Level();
            foreach (var layer in new[] { 0, 1 })
                _mid.Resnets.Add(new CpuResidualBlock(weights.Of($"mid_block.resnets.{layer}"), [channels[^1]], at, config, times, type, outputScale: config.MidBlockScaleFactor));
            if (config.AddAttention)
            {
                var groups = config.AttnNormNumGroups ?? (config.ResnetTimeScaleShift == "default" ? config.NormNumGroups : null);
                _mid.Attentions.Add(Attention("mid_block.attentions.0", channels[^1], groups, config.MidBlockScaleFactor));
            }
        }

        var below = channels[^1];
        for (var index = levels - 1; index >= 0; index--)
        {
            var level = new Level();
            var block = levels - 1 - index;
            for (var layer = 0; layer <= config.LayersPerBlock; layer++)
            {
                level.Resnets.Add(new CpuResidualBlock(weights.Of($"up_blocks.{block}.resnets.{layer}"), [below, skips.Pop()], at, config, times, type));
                below = channels[index];
                if (config.UpBlockTypes[block] == "AttnUpBlock2D")
                    level.Attentions.Add(Attention($"up_blocks.{block}.attentions.{layer}", channels[index], config.NormNumGroups, 1));
            }

            if (index > 0)
            {
                var name = $"up_blocks.{block}.upsamplers.0";
                var twice = (2 * at.Height, 2 * at.Width);
                if (DownBlock.UsesResnet(config.UpBlockTypes[block], config.UpsampleType))
                    level.Resampler = new CpuResidualBlock(weights.Of(name), [channels[index]], at, config, times, type, Resampling.Up);
                else
                    level.Convolution = new Resampler(weights.Of(name), twice, type, Resampling.Up, stride: 1, offset: 0);
                at = twice;
            }

            _up.Add(level);
        }

        _normOut = new Normalization(weights["conv_norm_out.weight"], weights["conv_norm_out.bias"], config.NormNumGroups, config.NormEps);
        _convOut = Convolutions.Create(weights["conv_out.weight"], channels[0], size, MatrixType.Float32);
        _convOutBias = new PanelBias(weights["conv_out.bias"]);

        CpuAttention Attention(string name, int width, int? groups, double scale) =>
            new(weights.Of(name), width, config.AttentionHeadDim, groups, config.NormEps, scale, type);
    }

    /// <summary>Of the prepared weights.</summary>
    public long Bytes => _convIn.Bytes + _convOut.Bytes + _down.Concat(_up).Append(_mid ?? new Level()).Sum(level => level.Bytes);

    /// <param name="pass">The pass.</param>
    /// <param name="sample">[pictures, in, height, width].</param>
    /// <param name="output">[pictures, out, height, width].</param>
    /// <param name="times">The rows of <see cref="TimeProjections"/>.</param>
    /// <param name="timesStride">Floats from picture to picture.</param>
    /// <param name="timesteps">One a picture.</param>
    public void Run(ForwardPass pass, float* sample, float* output, float* times, int timesStride, ReadOnlySpan<float> timesteps)
    {
        var skips = new Stack<Activations>();
        var h = Begin(pass, sample);
        skips.Push(h);
        foreach (var level in _down)
        {
            for (var layer = 0; layer < level.Resnets.Count; layer++)
            {
                h = level.Resnets[layer].Run(pass, new Joined(h), times, timesStride);
                h = Attend(pass, level, layer, h);
                skips.Push(h);
            }

            if (level.Resampler is null && level.Convolution is null)
                continue;
            h = level.Resample(pass, h, times, timesStride);
            skips.Push(h);
        }

        if (_mid is not null)
        {
            h = _mid.Resnets[0].Run(pass, new Joined(h), times, timesStride);
            h = Attend(pass, _mid, 0, h);
            var last = _mid.Resnets[1].Run(pass, new Joined(h), times, timesStride);
            pass.Return(h);
            h = last;
        }

        foreach (var level in _up)
        {
            for (var layer = 0; layer < level.Resnets.Count; layer++)
            {
                var skip = skips.Pop();
                var next = level.Resnets[layer].Run(pass, new Joined(h, skip), times, timesStride);
                pass.Return(skip);
                if (h.Data != skip.Data) // without a middle, the last skip is what comes up too
                    pass.Return(h);
                h = Attend(pass, level, layer, next);
            }

            if (level.Resampler is null && level.Convolution is null)
                continue;
            var resampled = level.Resample(pass, h, times, timesStride);
            pass.Return(h);
            h = resampled;
        }

        End(pass, h, output, timesteps);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in new IDisposable[] { _convIn, _convInBias, _convOut, _convOutBias })
            part.Dispose();
        foreach (var level in _down.Concat(_up).Append(_mid ?? new Level()))
            level.Dispose();
    }

    private static int Padded(int channels) => (channels + 15) / 16 * 16;

    private static Activations Attend(ForwardPass pass, Level level, int layer, Activations h)
    {
        if (layer >= level.Attentions.Count)
            return h;
        var attended = level.Attentions[layer].Run(pass, h);
        pass.Return(h);
        return attended;
    }

    // [in, height, width] → [height + 2, width + 2, in and some], then the first convolution.
    private Activations Begin(ForwardPass pass, float* sample)
    {
        var (height, width) = _size;
        var input = pass.Take(_inputs, height + 2, width + 2);
        var h = pass.Take(_config.BlockOutChannels[0], height, width);
        pass.Team.Run(pass.Pictures, (picture, _) =>
        {
            var target = input.Of(picture);
            new Span<float>(target, input.PictureSize).Clear();
            for (var channel = 0; channel < _config.InChannels; channel++)
            {
                var source = sample + ((((long)picture * _config.InChannels) + channel) * height * width);
                for (var y = 0; y < height; y++)
                    for (var x = 0; x < width; x++)
                        target[((((y + 1) * input.Width) + x + 1) * _inputs) + channel] = _config.CenterInputSample ? (2 * source[(y * width) + x]) - 1 : source[(y * width) + x];
            }
        });
        _convIn.Run(pass, input, h, new Epilogue(_convInBias.Data));
        pass.Return(input);
        return h;
    }

    private void End(ForwardPass pass, Activations h, float* output, ReadOnlySpan<float> timesteps)
    {
        var affine = _normOut.Measure(pass, new Joined(h));
        var input = new Preparation(pass).Run(new Joined(h), affine, Nonlinearity.Silu, Resampling.None, margin: 1);
        _normOut.Return(pass, affine);
        pass.Return(h);
        var last = pass.Take(_outputs, h.Height, h.Width);
        _convOut.Run(pass, input, last, new Epilogue(_convOutBias.Data));
        pass.Return(input);
        for (var picture = 0; picture < pass.Pictures; picture++)
        {
            var factor = _config.TimeEmbeddingType == "fourier" ? 1 / timesteps[picture] : 1;
            for (var channel = 0; channel < _config.OutChannels; channel++, output += h.Pixels)
                for (var pixel = 0; pixel < h.Pixels; pixel++)
                    output[pixel] = last.Of(picture)[(pixel * _outputs) + channel] * factor;
        }

        pass.Return(last);
    }
}
