using Ddpm.Engine.Evaluation.Wasserstein;
using Ddpm.Engine.Imaging;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Evaluation;

public sealed class SlicedWassersteinTests
{
    public SlicedWassersteinTests() => TorchRuntime.Initialize();

    [Fact]
    public void Distance_OfPointsOnALine_IsTheirShift_AndZeroOfASetWithItselfInAnyOrder()
    {
        using var scope = NewDisposeScope();
        var points = Normals(1, 500, 1);
        Assert.Equal(0.75, SlicedWasserstein.Distance(points, points + 0.75, 8, seed: 3).Value, 1e-5);
        Assert.Equal(0, SlicedWasserstein.Distance(points, points.flip(0), 8, seed: 3).Value, 1e-7);
    }

    // A shift by δ is seen as |δ·θ|, whose mean over the sphere of d dimensions is |δ|·Γ(d/2)/(√π·Γ((d+1)/2)): in 3 dimensions |δ|/2.
    [Fact]
    public void Distance_OfShiftedSets_IsTheMeanOfTheShiftOverDirections()
    {
        using var scope = NewDisposeScope();
        var points = Normals(2, 400, 3);
        var shifted = points + tensor([1f, -2f, 2f]); // |δ| = 3
        var distance = SlicedWasserstein.Distance(points, shifted, 2000, seed: 4);
        Assert.Equal(1.5, distance.Value, 4 * distance.StandardError);
        Assert.InRange(distance.StandardError, 0.01, 0.03); // 3/√12/√2000 = 0.019
    }

    // In one dimension W₁(N(0, 1), N(0, σ²)) = (σ − 1)·E|z| = (σ − 1)·√(2/π).
    [Fact]
    public void Distance_OfAWiderNormal_IsTheClosedForm()
    {
        using var scope = NewDisposeScope();
        var distance = SlicedWasserstein.Distance(Normals(3, 20_000, 2), 1.5 * Normals(4, 20_000, 2), 32, seed: 5);
        Assert.Equal(0.5 * Math.Sqrt(2 / Math.PI), distance.Value, 0.015);
    }

    [Fact]
    public void Distance_DependsOnTheSeedAlone()
    {
        using var scope = NewDisposeScope();
        var (left, right) = (Normals(5, 50, 6), Normals(6, 50, 6));
        Assert.Equal(SlicedWasserstein.Distance(left, right, 20, 1), SlicedWasserstein.Distance(left, right, 20, 1));
        Assert.NotEqual(SlicedWasserstein.Distance(left, right, 20, 1), SlicedWasserstein.Distance(left, right, 20, 2));
    }

    [Theory, InlineData(64, new[] { 64, 32, 16 }), InlineData(96, new[] { 96, 48, 24 }), InlineData(20, new[] { 20 }), InlineData(8, new[] { 8 })]
    public void Pyramid_AddsUpToThePicture(int side, int[] sides)
    {
        using var scope = NewDisposeScope();
        var pictures = Normals(7, 2, 3, side, side);
        var levels = LaplacianPyramid.Of(pictures);
        Assert.Equal(sides, levels.Select(level => (int)level.shape[2]));
        Assert.Equal(sides, LaplacianPyramid.Sides(side));

        // A constant is all in the coarsest level; the finer ones hold what has no mean.
        var constant = LaplacianPyramid.Of(full_like(pictures, 9));
        Assert.All(constant.SkipLast(1), level => Assert.True(level.abs().max().item<float>() < 1e-5));
        Assert.True((constant[^1] - 9).abs().max().item<float>() < 1e-5);
    }

    // The widths of scipy.ndimage.convolve(mode='mirror') with the binomial filter, worked out by hand for one bright pixel in a corner:
    // smoothed at the corner 6·6/256, so the coarse level has 36/256 there; enlarged, 4 · (36/256)·(36/256) stays of it.
    [Fact]
    public void Pyramid_SmoothsWithTheBinomialFilter_AndMirrorsAtTheEdge()
    {
        using var scope = NewDisposeScope();
        var picture = zeros(1, 1, 32, 32);
        picture[0, 0, 0, 0] = 1;
        var levels = LaplacianPyramid.Of(picture);
        Assert.Equal(36 / 256.0, levels[1][0, 0, 0, 0].item<float>(), 1e-6);
        // Along one axis the coarse row is 6/16 at 0 and, of the second pixel two away, 1/16 at 1; back at 0: 2·(6/16·6/16 + 2·1/16·1/16), mirrored at the edge.
        var back = 2 * ((6 / 16.0 * 6 / 16) + (2 * (1 / 16.0 * 1 / 16)));
        Assert.Equal(1 - (back * back), levels[0][0, 0, 0, 0].item<float>(), 1e-6);
    }

    [Fact]
    public void Measure_IsZeroOfASetWithItself_SeesAShiftOfColourInThePixels_AndNoiseInTheFinestLevel()
    {
        var pictures = Smooth(12, 32, seed: 8);
        var same = PictureDistance.Measure(pictures, pictures, 1, CancellationToken.None);
        Assert.Equal((0, 0), (same.Pixels.Value, same.Average));
        Assert.Equal([32, 16], same.Levels.Select(level => level.Side));

        var brighter = PictureDistance.Measure(pictures, Changed(pictures, (value, _) => value + 20), 1, CancellationToken.None);
        Assert.InRange(brighter.Pixels.Value, 0.02, 0.3);
        Assert.True(brighter.Average < 1e-3); // each set's patches are brought to mean 0

        var noisy = PictureDistance.Measure(pictures, Changed(pictures, (value, n) => value + (n * 7919 % 41) - 20), 1, CancellationToken.None);
        Assert.True(noisy.Levels[0].Distance.Value > 0.1);
        Assert.True(noisy.Levels[0].Distance.Value > 2 * noisy.Levels[1].Distance.Value, $"{noisy.Levels[0]} {noisy.Levels[1]}");
    }

    [Fact]
    public void Measure_RefusesSetsOfDifferentSizes()
    {
        var pictures = Smooth(4, 16, seed: 1);
        Assert.Throws<ArgumentException>(() => PictureDistance.Measure(pictures, Smooth(5, 16, seed: 1), 1, CancellationToken.None));
    }

    private static PixelBatch Changed(PixelBatch pictures, Func<int, int, int> change) =>
        pictures with { Pixels = [.. pictures.Pixels.Select((value, n) => (byte)Math.Clamp(change(value, n), 0, 255))] };

    // Waves of random direction and phase, with values from 40 to 200.
    private static PixelBatch Smooth(int count, int side, int seed)
    {
        var random = new Random(seed);
        var pixels = new List<byte>();
        for (var picture = 0; picture < count; picture++)
        {
            var (a, b, phase) = (random.NextDouble() * 0.4, random.NextDouble() * 0.4, random.NextDouble() * 6);
            for (var channel = 0; channel < 3; channel++)
                for (var y = 0; y < side; y++)
                    for (var x = 0; x < side; x++)
                        pixels.Add((byte)(120 + (80 * Math.Sin((a * x) + (b * y) + phase + channel))));
        }

        return new PixelBatch([.. pixels], count, 3, side, side);
    }

    private static Tensor Normals(ulong seed, params long[] shape)
    {
        using var generator = new Generator(seed, CPU);
        return randn(shape, generator: generator);
    }
}
