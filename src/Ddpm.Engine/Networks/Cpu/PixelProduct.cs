using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>A linear map of the channels of each pixel: a 1×1 convolution, or a linear layer.</summary>
internal sealed unsafe class PixelProduct : IDisposable
{
    private const int MostRows = 5 * MatrixKernels.MostRows;

    private readonly Panels[] _weights; // one for each part of the input

    /// <param name="weight">[out, in], or [out, in, 1, 1].</param>
    /// <param name="parts">Channels of the activations that come joined: each a multiple of 16, their sum is in.</param>
    /// <param name="type">What input and weights are rounded to.</param>
    public PixelProduct(Tensor weight, IReadOnlyList<int> parts, MatrixType type)
    {
        using var scope = NewDisposeScope();
        var matrix = weight.reshape(weight.shape[0], weight.shape[1]).t().unsqueeze(0); // [1, in, out]
        _weights = new Panels[parts.Count];
        for (var (part, first) = (0, 0); part < parts.Count; first += parts[part], part++)
            _weights[part] = new Panels(matrix.narrow(1, first, parts[part]), type);
    }

    /// <summary>Of the prepared weights.</summary>
    public long Bytes => _weights.Sum(part => part.Floats * sizeof(float));

    /// <param name="pass">The pass.</param>
    /// <param name="input">Without a margin.</param>
    /// <param name="output">Written.</param>
    /// <param name="epilogue">What follows the sums.</param>
    public void Run(ForwardPass pass, Joined input, Activations output, Epilogue epilogue)
    {
        var panels = _weights[0].Count;
        var rows = pass.Pictures * output.Pixels;
        var blocks = (rows + MostRows - 1) / MostRows;
        var groups = Math.Clamp((2 * pass.Team.Size + blocks - 1) / blocks, 1, panels);
        pass.Team.Run(blocks * groups, (piece, member) =>
        {
            var (block, group) = Math.DivRem(piece, groups);
            var (first, end) = ((int)((long)rows * block / blocks), (int)((long)rows * (block + 1) / blocks));
            var count = end - first;
            var rounded = _weights[0].Type == MatrixType.BFloat16 ? (long)count * input.Channels / 2 : 0;
            var sums = pass.Scratch(member, (count * MatrixKernels.PanelWidth) + rounded);
            var copy = (ushort*)(sums + (count * MatrixKernels.PanelWidth));
            if (rounded != 0)
                Round(input, first, count, copy);
            for (var panel = panels * group / groups; panel < panels * (group + 1) / groups; panel++)
            {
                for (var part = 0; part < input.Count; part++)
                {
                    var (source, firstChannel) = input[part];
                    var size = rounded == 0 ? sizeof(float) : sizeof(ushort);
                    void* data = rounded == 0 ? (float*)source.Data + ((long)first * source.Channels) : copy + ((long)count * firstChannel);
                    MatrixKernels.Multiply(
                        count, data, source.Channels * size, _weights[part].Of(panel, 0), sums, MatrixKernels.PanelWidth * sizeof(float),
                        _weights[part].Lines, accumulate: part > 0, _weights[part].Type);
                }

                DirectConvolution.Store(sums, first, count, output, panel * MatrixKernels.PanelWidth, epilogue);
            }
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in _weights)
            part.Dispose();
    }

    private static void Round(Joined input, int first, int count, ushort* target)
    {
        for (var part = 0; part < input.Count; part++)
        {
            var (source, firstChannel) = input[part];
            Rounding.ToBFloat16((float*)source.Data + ((long)first * source.Channels), target + ((long)count * firstChannel), count * source.Channels);
        }
    }
}
