using System.Runtime.InteropServices;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Features;

/// <summary>A network, given as a TorchScript file, that turns pictures into vectors whose distances mean something. Ddpm ships none.</summary>
/// <remarks>TorchScript is a program: it can read and write files and use all memory. Load only files whose maker is trusted.</remarks>
public sealed class FeatureNetwork : IDisposable
{
    private const int MostDimensions = 8192; // its covariance takes 512 MB

    private readonly jit.ScriptModule<Tensor, Tensor> _module;
    private readonly Device _device;
    private readonly string _name;

    private FeatureNetwork(jit.ScriptModule<Tensor, Tensor> module, Device device, string path, FeatureConfig config)
    {
        (_module, _device, _name, Config) = (module, device, Path.GetFileName(path), config);
        Sha256 = FileHash.Sha256(path);
    }

    /// <summary>What it is shown.</summary>
    public FeatureConfig Config { get; }

    /// <summary>SHA-256 of its file, lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>Loads a file that <c>torch.jit.save</c> wrote of a module in evaluation mode. Its <c>forward</c> takes pictures as
    /// <see cref="FeatureConfig"/> says and gives <c>[pictures, dimensions]</c> (or that with sides of length 1 behind).</summary>
    /// <exception cref="EvaluationException">It cannot be used; the message says why.</exception>
    public static FeatureNetwork Load(string path, FeatureConfig config, Device device)
    {
        TorchRuntime.Initialize();
        if (config.Side != 0)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(config.Side, 32);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(config.Side, 1024);
        }

        if (!File.Exists(path))
            throw new EvaluationException($"There is no file '{path}'.");
        TorchScriptArchive.Check(path);
        try
        {
            var module = jit.load<Tensor, Tensor>(path, device.type, device.index);
            module.eval();
            return new FeatureNetwork(module, device, path, config);
        }
        catch (ExternalException fault)
        {
            throw new EvaluationException($"{Path.GetFileName(path)} cannot be loaded: {Reason(fault)}", fault);
        }
    }

    /// <summary>Features of pictures, in one call.</summary>
    /// <param name="pictures">Squares.</param>
    /// <returns>float64 <c>[pictures, dimensions]</c> on the CPU; the caller disposes it.</returns>
    /// <exception cref="EvaluationException">The network cannot take them, or gives something else.</exception>
    public Tensor Features(PixelBatch pictures)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var features = Call(Input(pictures));
        if (features.ndim > 2 && features.shape.Skip(2).All(side => side == 1))
            features = features.flatten(1);
        if (features.ndim != 2 || features.shape[0] != pictures.Count || features.shape[1] is < 1 or > MostDimensions)
            throw new EvaluationException($"{_name} gives [{string.Join(", ", features.shape)}] for {pictures.Count} pictures; [{pictures.Count}, dimensions] with at most {MostDimensions} dimensions is needed.");
        features = features.to(ScalarType.Float64).cpu();
        return features.isfinite().all().item<bool>()
            ? features.MoveToOuterDisposeScope()
            : throw new EvaluationException($"{_name} gives numbers that are not finite.");
    }

    /// <inheritdoc/>
    public void Dispose() => _module.Dispose();

    private Tensor Call(Tensor input)
    {
        try
        {
            return _module.call(input);
        }
        catch (ExternalException fault)
        {
            throw new EvaluationException($"{_name} cannot take {input.dtype} [{string.Join(", ", input.shape)}]: {Reason(fault)}", fault);
        }
    }

    private Tensor Input(PixelBatch pictures)
    {
        var side = Config.Side == 0 ? pictures.Height : Config.Side;
        var area = side * side;
        var bytes = new byte[(long)pictures.Count * 3 * area];
        Parallel.For(0, pictures.Count, n =>
        {
            var resized = Resize.ToSquare(Interleaved(pictures.Image(n), pictures), side).Pixels;
            for (var pixel = 0; pixel < area; pixel++)
                for (var channel = 0; channel < 3; channel++)
                    bytes[(((n * 3L) + channel) * area) + pixel] = resized[(3 * pixel) + channel];
        });
        var input = tensor(bytes, [pictures.Count, 3, side, side], dtype: ScalarType.Byte).to(_device);
        return Config.Range switch
        {
            FeatureRange.Bytes => input,
            FeatureRange.ZeroToOne => input.to(ScalarType.Float32).Over(255),
            _ => input.to(ScalarType.Float32).Over(127.5).Minus(1),
        };
    }

    private static DecodedImage Interleaved(ReadOnlySpan<byte> planes, PixelBatch of)
    {
        var area = of.Height * of.Width;
        var pixels = new byte[3 * area];
        for (var pixel = 0; pixel < area; pixel++)
            for (var channel = 0; channel < 3; channel++)
                pixels[(3 * pixel) + channel] = planes[((of.Channels == 3 ? channel : 0) * area) + pixel];
        return new DecodedImage(pixels, of.Width, of.Height);
    }

    // libtorch adds where in its sources the fault was raised, and of a script, the lines that led there.
    private static string Reason(ExternalException fault)
    {
        var lines = fault.Message.Split("Exception raised from")[0].Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return (lines.LastOrDefault(line => line.StartsWith("RuntimeError: ", StringComparison.Ordinal)) ?? lines.FirstOrDefault() ?? "for no known reason").Replace("RuntimeError: ", "", StringComparison.Ordinal);
    }
}
