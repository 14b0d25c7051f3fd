using System.Diagnostics;
using Ddpm.Engine.Imaging;

namespace Ddpm.Cli.Tests;

/// <summary>The whole chain, as a person runs it: a picture, <c>ddpm train</c>, <c>ddpm sample</c>, and the picture again.</summary>
public sealed class OnePictureTests : IDisposable
{
    private const int Side = 8;
    private readonly string _folder = Directory.CreateTempSubdirectory("ddpm-cli-").FullName;

    [Fact]
    public void TrainingOnOnePicture_DrivesTheLossDown_AndSamplesReproduceIt()
    {
        var pictures = Directory.CreateDirectory(Path.Combine(_folder, "pictures")).FullName;
        File.WriteAllBytes(Path.Combine(pictures, "one.png"), ImageCodec.EncodePng(Picture(), Side, Side, 3));
        var run = Path.Combine(_folder, "run");
        AssertRuns($"train {pictures} --out {run} --resolution 8 --channels 32,32 --layers 1 --steps 600 --batch-size 16 --learning-rate 0.003 --warmup 20 --ema 0.99 --flip false --preview-every 600 --checkpoint-every 600");
        var losses = File.ReadAllLines(Path.Combine(run, "metrics.csv")).Skip(1).Select(line => double.Parse(line.Split(',')[2], System.Globalization.CultureInfo.InvariantCulture)).ToList();
        Assert.True(losses.TakeLast(100).Average() < 0.05, $"the loss ended at {losses.TakeLast(100).Average():g3}");

        var images = Path.Combine(_folder, "images");
        AssertRuns($"sample {Path.Combine(run, "model")} --count 4 --seed 1 --out {Path.Combine(_folder, "grid.png")} --images {images}");
        foreach (var file in Directory.EnumerateFiles(images))
        {
            using var stream = File.OpenRead(file);
            var drawn = ImageCodec.Decode(stream, new ImageDecodeOptions()).Pixels;
            Assert.True(Distance(drawn, Picture()) < 12, $"{Path.GetFileName(file)} is {Distance(drawn, Picture()):g3} levels away from the picture");
            Assert.True(Distance(drawn, Mirrored(Picture())) > 30, "it is no nearer to the picture than to its mirror image");
        }
    }

    [Theory]
    [InlineData("train nowhere --out x", "nowhere")]
    [InlineData("train . --out x --resolution 7", "--resolution")]
    [InlineData("sample . --sampler euler", "--sampler")]
    [InlineData("serve --urls http://0.0.0.0:1", "--urls")]
    [InlineData("frobnicate", "frobnicate")]
    public void BadInput_IsRefusedInOneLineThatNamesIt(string arguments, string named)
    {
        var (status, _, errors) = Ddpm(arguments);
        Assert.NotEqual(0, status);
        Assert.Contains(named, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Left half red to dark, right half a blue-green stripe pattern: nothing that noise or its mirror image resembles.
    private static byte[] Picture() => [.. Enumerable.Range(0, Side * Side).SelectMany(pixel => pixel % Side < Side / 2
        ? new byte[] { (byte)(230 - (20 * (pixel / Side))), 30, 40 }
        : [20, (byte)(pixel / Side % 2 == 0 ? 220 : 60), 200])];

    private static byte[] Mirrored(byte[] rgb) => [.. Enumerable.Range(0, Side * Side).SelectMany(pixel => rgb.Skip(3 * ((pixel / Side * Side) + Side - 1 - (pixel % Side))).Take(3))];

    private static double Distance(byte[] left, byte[] right) => left.Zip(right, (x, y) => Math.Abs(x - y)).Average();

    private void AssertRuns(string arguments)
    {
        var (status, _, errors) = Ddpm(arguments);
        Assert.True(status == 0, $"ddpm {arguments}: {errors}");
    }

    private (int Status, string Output, string Errors) Ddpm(string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", $"\"{Path.Combine(AppContext.BaseDirectory, "ddpm.dll")}\" {arguments}")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
