using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>A 3×3 convolution, of stride 1 or 2, as a product of matrices: the pixels that a result depends on are gathered into a row.</summary>
internal sealed unsafe class DirectConvolution : IConvolution
{
    private const int MostRows = 5 * MatrixKernels.MostRows;
    private const int LongestRow = 1536; // longer ones are gathered and summed in three parts, a row of the kernel each

    private readonly Panels _weights;
    private readonly int _inputs;
    private readonly int _stride;
    private readonly int _offset;
    private readonly int _lines;

    /// <param name="weight">[out, in, 3, 3].</param>
    /// <param name="inputs">Channels that come, an even number; those beyond the weight's are zero.</param>
    /// <param name="type">What input and weights are rounded to.</param>
    /// <param name="stride">1 or 2.</param>
    /// <param name="offset">Where in the margin the first pixel's kernel begins: 0, or 1 where only right and below are padded.</param>
    public DirectConvolution(Tensor weight, int inputs, MatrixType type, int stride = 1, int offset = 0)
    {
        (_inputs, _stride, _offset, _lines) = (inputs, stride, offset, 9 * inputs <= LongestRow ? 3 : 1);
        using var scope = NewDisposeScope();
        var taps = nn.functional.pad(weight.permute(2, 3, 1, 0), [0, 0, 0, inputs - weight.shape[1]]); // [3, 3, in, out]
        _weights = new Panels(taps.reshape(3 / _lines, _lines * 3 * inputs, weight.shape[0]), type);
    }

    /// <inheritdoc/>
    public long Bytes => _weights.Floats * sizeof(float);

    /// <inheritdoc/>
    public void Run(ForwardPass pass, Activations input, Activations output, Epilogue epilogue)
    {
        var length = _lines * 3 * _inputs;
        var rowBytes = length * (_weights.Type == MatrixType.Float32 ? 4 : 2);
        var rows = pass.Pictures * output.Pixels;
        var blocks = (rows + MostRows - 1) / MostRows;
        var groups = Math.Clamp((2 * pass.Team.Size + blocks - 1) / blocks, 1, _weights.Count);
        pass.Team.Run(blocks * groups, (piece, member) =>
        {
            var (block, group) = Math.DivRem(piece, groups);
            var (first, end) = ((int)((long)rows * block / blocks), (int)((long)rows * (block + 1) / blocks));
            var count = end - first;
            var (firstPanel, endPanel) = (_weights.Count * group / groups, _weights.Count * (group + 1) / groups);
            var tile = count * MatrixKernels.PanelWidth;
            var gathered = pass.Scratch(member, ((long)count * rowBytes / 4) + 16 + ((long)tile * (endPanel - firstPanel)));
            var sums = gathered + (((long)count * rowBytes / 4) + 15) / 16 * 16;
            for (var part = 0; part < _weights.Matrices; part++)
            {
                Gather(input, output, first, count, part, (byte*)gathered, rowBytes);
                for (var panel = firstPanel; panel < endPanel; panel++)
                    MatrixKernels.Multiply(
                        count, gathered, rowBytes, _weights.Of(panel, part), sums + ((panel - firstPanel) * tile), MatrixKernels.PanelWidth * sizeof(float),
                        _weights.Lines, accumulate: part > 0, _weights.Type);
            }

            for (var panel = firstPanel; panel < endPanel; panel++)
                Store(sums + ((panel - firstPanel) * tile), first, count, output, panel * MatrixKernels.PanelWidth, epilogue);
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    /// <summary>Finishes a panel's columns of some pixels.</summary>
    public static void Store(float* sums, int first, int count, Activations output, int firstChannel, Epilogue epilogue)
    {
        for (var row = 0; row < count; row++, sums += MatrixKernels.PanelWidth)
        {
            var picture = (first + row) / output.Pixels;
            var place = (long)(first + row) * output.Channels;
            for (var channel = firstChannel; channel < Math.Min(firstChannel + MatrixKernels.PanelWidth, output.Channels); channel += 16)
                epilogue.Store(Vector512.Load(sums + channel - firstChannel), picture, channel, (float*)output.Data + place + channel, place + channel);
        }
    }

    // Three pixels of a row lie side by side, so a row of the kernel is one copy.
    private void Gather(Activations input, Activations output, int first, int count, int part, byte* target, int rowBytes)
    {
        var length = 3 * _inputs;
        for (var row = 0; row < count; row++, target += rowBytes)
        {
            var (picture, pixel) = Math.DivRem(first + row, output.Pixels);
            var (y, x) = Math.DivRem(pixel, output.Width);
            for (var line = 0; line < _lines; line++)
            {
                var source = input.Of(picture) + ((((long)((y * _stride) + _offset + (part * _lines) + line) * input.Width) + (x * _stride) + _offset) * _inputs);
                if (_weights.Type == MatrixType.Float32)
                    Buffer.MemoryCopy(source, target + (line * length * 4), length * 4, length * 4);
                else
                    Rounding.ToBFloat16(source, (ushort*)target + (line * length), length);
            }
        }
    }
}
