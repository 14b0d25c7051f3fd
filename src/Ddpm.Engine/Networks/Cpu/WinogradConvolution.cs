using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>A 3×3 convolution of stride 1 in tiles of 4×4 results: three parts of four of its multiplications are saved, at the price of two transforms.</summary>
internal sealed unsafe class WinogradConvolution : IConvolution
{
    private const int MostBytesOfInput = 600_000; // of transformed tiles: they stay in the second-level cache while all panels pass

    private const int FewWeights = 192 * 96;

    private readonly Panels _weights;
    private readonly int _inputs;

    /// <param name="weight">[out, in, 3, 3].</param>
    /// <param name="inputs">Channels that come; those beyond the weight's are zero.</param>
    public WinogradConvolution(Tensor weight, int inputs)
    {
        _inputs = inputs;
        using var products = WinogradTransform.Weights(weight);
        using var padded = nn.functional.pad(products, [0, 0, 0, inputs - weight.shape[1]]);
        _weights = new Panels(padded, MatrixType.Float32);
    }

    /// <inheritdoc/>
    public long Bytes => _weights.Floats * sizeof(float);

    /// <summary>Whether pictures of this size come out even, and it pays: four times as many weights must be read for a quarter of the multiplications, so there must be
    /// enough pixels to a weight, or weights so few that they stay in the second-level cache.</summary>
    public static bool Suits(int height, int width, int inputs, int outputs) =>
        height % WinogradTransform.TileSide == 0 && width % WinogradTransform.TileSide == 0
        && (height * width >= 256 || (height * width >= 64 && inputs * outputs <= FewWeights));

    /// <inheritdoc/>
    public void Run(ForwardPass pass, Activations input, Activations output, Epilogue epilogue)
    {
        var across = output.Width / WinogradTransform.TileSide;
        var ofPicture = across * (output.Height / WinogradTransform.TileSide);
        var tiles = pass.Pictures * ofPicture;
        var most = Math.Max(MatrixKernels.MostRows, MostBytesOfInput / (WinogradTransform.Products * _inputs * sizeof(float)) / MatrixKernels.MostRows * MatrixKernels.MostRows);
        var blocks = (tiles + most - 1) / most;
        var groups = Math.Clamp((2 * pass.Team.Size + blocks - 1) / blocks, 1, _weights.Count);
        if (groups == 1)
            blocks = Math.Max(blocks, Math.Min(2 * pass.Team.Size, tiles));
        pass.Team.Run(blocks * groups, (piece, member) =>
        {
            var (block, group) = Math.DivRem(piece, groups);
            var (first, end) = ((int)((long)tiles * block / blocks), (int)((long)tiles * (block + 1) / blocks));
            var count = end - first;
            var inputStride = (count * _inputs) + 16; // not a power of two, which would put all 36 products into the same lines of the cache
            var productStride = (count * MatrixKernels.PanelWidth) + 16;
            var transformed = pass.Scratch(member, (long)WinogradTransform.Products * (inputStride + productStride));
            var products = transformed + (WinogradTransform.Products * inputStride);
            for (var tile = 0; tile < count; tile++)
            {
                var (picture, y, x) = Place(first + tile);
                var source = input.Of(picture) + (((y * input.Width) + x) * _inputs);
                for (var channel = 0; channel < _inputs; channel += 16)
                    WinogradTransform.Input(source + channel, _inputs, input.Width * _inputs, transformed + (tile * _inputs) + channel, inputStride);
            }

            for (var panel = _weights.Count * group / groups; panel < _weights.Count * (group + 1) / groups; panel++)
            {
                for (var product = 0; product < WinogradTransform.Products; product++)
                    MatrixKernels.Multiply(
                        count, transformed + (product * inputStride), _inputs * sizeof(float), _weights.Of(panel, product), products + (product * productStride),
                        MatrixKernels.PanelWidth * sizeof(float), _weights.Lines, accumulate: false, MatrixType.Float32);
                for (var tile = 0; tile < count; tile++)
                {
                    var (picture, y, x) = Place(first + tile);
                    Store(products + (tile * MatrixKernels.PanelWidth), productStride, output, picture, y, x, panel * MatrixKernels.PanelWidth, epilogue);
                }
            }
        });

        (int Picture, int Y, int X) Place(int tile)
        {
            var (picture, inPicture) = Math.DivRem(tile, ofPicture);
            var (row, column) = Math.DivRem(inPicture, across);
            return (picture, row * WinogradTransform.TileSide, column * WinogradTransform.TileSide);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    [SkipLocalsInit]
    private static void Store(float* products, nint stride, Activations output, int picture, int y, int x, int firstChannel, Epilogue epilogue)
    {
        var results = stackalloc Vector512<float>[WinogradTransform.TileSide * WinogradTransform.TileSide];
        for (var channel = firstChannel; channel < Math.Min(firstChannel + MatrixKernels.PanelWidth, output.Channels); channel += 16, products += 16)
        {
            WinogradTransform.Output(products, stride, results);
            for (var row = 0; row < WinogradTransform.TileSide; row++)
                for (var column = 0; column < WinogradTransform.TileSide; column++)
                {
                    var target = output.Of(picture) + (((((y + row) * output.Width) + x + column) * output.Channels) + channel);
                    epilogue.Store(results[(row * WinogradTransform.TileSide) + column], picture, channel, target, target - (float*)output.Data);
                }
        }
    }
}
