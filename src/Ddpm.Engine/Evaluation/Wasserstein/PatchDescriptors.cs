using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Wasserstein;

/// <summary>Pictures as sets of patches, a set for each level of their <see cref="LaplacianPyramid"/>. Karras et al. 2018, §5.</summary>
public static class PatchDescriptors
{
    private const int PatchSide = 7;
    private const int PicturesAtOnce = 256;
    private const ulong Stream = 0x7061746368; // "patch"

    /// <param name="pictures">Squares, of at least 7 pixels a side.</param>
    /// <param name="patchesPerPicture">At random places; at least 1.</param>
    /// <param name="seed">With the picture's number, decides the places.</param>
    /// <param name="cancellationToken">Looked at between some hundred pictures.</param>
    /// <returns>For each level, finest first, float32 <c>[pictures × patches, channels × 49]</c>, each channel with mean 0 and standard deviation 1
    /// over the set; the caller disposes them.</returns>
    public static IReadOnlyList<Tensor> Of(PixelBatch pictures, int patchesPerPicture, ulong seed, CancellationToken cancellationToken)
    {
        var sides = LaplacianPyramid.Sides(pictures.Height);
        var width = pictures.Channels * PatchSide * PatchSide;
        var levels = sides.Select(_ => empty([(long)pictures.Count * patchesPerPicture, width])).ToList();
        for (var first = 0; first < pictures.Count; first += PicturesAtOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var count = Math.Min(PicturesAtOnce, pictures.Count - first);
            var bytes = pictures.Pixels.AsMemory(first * pictures.ImageBytes, count * pictures.ImageBytes).ToArray();
            var pyramid = LaplacianPyramid.Of(tensor(bytes, [count, pictures.Channels, pictures.Height, pictures.Width], dtype: ScalarType.Byte).to(ScalarType.Float32));
            foreach (var (level, layer) in pyramid.Index())
            {
                var patches = Patches(layer, first, level, patchesPerPicture, seed);
                levels[level][TensorIndex.Slice((long)first * patchesPerPicture, (long)(first + count) * patchesPerPicture)] = tensor(patches, [(long)count * patchesPerPicture, width]);
            }
        }

        levels.ForEach(level => Normalise(level, pictures.Channels));
        return levels;
    }

    private static float[] Patches(Tensor layer, int firstPicture, int level, int patchesPerPicture, ulong seed)
    {
        var (count, channels, side) = ((int)layer.shape[0], (int)layer.shape[1], (int)layer.shape[2]);
        var values = layer.contiguous().data<float>().ToArray();
        var patches = new float[count * patchesPerPicture * channels * PatchSide * PatchSide];
        var target = 0;
        for (var picture = 0; picture < count; picture++)
        {
            var random = new CounterRandom(seed ^ Stream, ((ulong)level << 32) | (uint)(firstPicture + picture));
            for (var patch = 0; patch < patchesPerPicture; patch++)
            {
                var (top, left) = (random.Below(2 * (ulong)patch, side - PatchSide + 1), random.Below((2 * (ulong)patch) + 1, side - PatchSide + 1));
                for (var channel = 0; channel < channels; channel++)
                {
                    for (var y = 0; y < PatchSide; y++, target += PatchSide)
                        values.AsSpan((((((picture * channels) + channel) * side) + top + y) * side) + left, PatchSide).CopyTo(patches.AsSpan(target));
                }
            }
        }

        return patches;
    }

    // In place. A channel that is the same everywhere becomes 0.
    private static void Normalise(Tensor descriptors, int channels)
    {
        using var scope = NewDisposeScope();
        var byChannel = descriptors.view(-1, channels, PatchSide * PatchSide);
        byChannel.sub_(byChannel.mean([0, 2], keepdim: true));
        byChannel.div_((byChannel * byChannel).mean([0, 2], keepdim: true).sqrt().AtLeast(1e-8));
    }
}
