using BenchmarkDotNet.Attributes;
using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;

namespace Ddpm.Benchmarks;

/// <summary>What surrounds the network: decoding and resizing on the way in, a grid on the way out, the noise of a picture.</summary>
public class Pictures
{
    private readonly float[] _noise = new float[3 * 64 * 64];
    private byte[] _png = null!;
    private DecodedImage _picture = null!;
    private PixelBatch _drawn = null!;
    private PixelBatch _many = null!;

    [GlobalSetup]
    public void Prepare()
    {
        using var faces = new FacesSource(count: 1, seed: 0, size: 256).Open(CancellationToken.None);
        _png = faces.Entries.First().Read();
        _picture = DecodePng256();
        var small = Resize.ToSquare(_picture, 64);
        _drawn = new PixelBatch([.. Enumerable.Repeat(small.Pixels, 16).SelectMany(pixels => pixels)], 16, 3, 64, 64);
        // What networks draw is never quite flat.
        var random = new Random(1);
        _many = new PixelBatch([.. Enumerable.Repeat(small.Pixels, 64).SelectMany(pixels => pixels).Select(value => (byte)Math.Clamp(value + random.Next(-3, 4), 0, 255))], 64, 3, 64, 64);
    }

    [Benchmark]
    public DecodedImage DecodePng256() => ImageCodec.Decode(_png, new ImageDecodeOptions());

    [Benchmark]
    public DecodedImage Resize256To64() => Resize.ToSquare(_picture, 64);

    [Benchmark]
    public byte[] EncodeGridOf16() => ImageGrid.EncodePng(_drawn, 4, 4);

    [Benchmark]
    public byte[] EncodeGridOf64() => ImageGrid.EncodePng(_many, 8, 8);

    [Benchmark(OperationsPerInvoke = 3 * 64 * 64)]
    public void OneOfThePhiloxNormalsOf64() => PhiloxNoise.Fill(seed: 0, image: 0, step: 1, _noise);

    [Benchmark]
    public void PhiloxNoiseOf64() => PhiloxNoise.Fill(seed: 0, image: 0, step: 1, _noise);
}
