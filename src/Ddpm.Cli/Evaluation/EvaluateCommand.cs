using System.CommandLine;
using System.Globalization;
using Ddpm.Cli.CommandLine;
using Ddpm.Cli.Datasets;
using Ddpm.Cli.Models;
using Ddpm.Cli.Sampling;
using Ddpm.Engine;
using Ddpm.Engine.Data;
using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Evaluation.Features;
using Ddpm.Engine.Imaging;
using static TorchSharp.torch;

namespace Ddpm.Cli.Evaluation;

/// <summary><c>ddpm evaluate</c>: how good a model is, in numbers.</summary>
internal sealed class EvaluateCommand
{
    private const string All = "all";

    private static readonly EvaluationRequest Usual = new() { Metrics = new HashSet<EvaluationMetric>() };

    private readonly Option<string> _model = new("--model")
    {
        Description = "A diffusers folder, such as model/ or a checkpoint of a training run, or the name of a model that comes with Ddpm.",
        HelpName = "FOLDER",
        Required = true,
    };

    private readonly Option<string> _dataset = new("--dataset")
    {
        Description = "What it is measured against: a dataset made by 'ddpm dataset make' or by training, a folder of pictures, a zip or tar of them, parquet files, or hub:OWNER/NAME.",
        HelpName = "PATH",
        Required = true,
    };

    private readonly PictureOptions _pictures = new();
    private readonly Option<string?> _metrics = new("--metrics")
    {
        Description = $"What to measure, with commas between: {string.Join(", ", EvaluationMetrics.Names)}. All of them if not given; fid and kid with --features only.",
        HelpName = "LIST",
    };

    private readonly Option<int> _images = Arguments.Number("--images", "Samples to draw, and pictures of the dataset for bits-per-dim.", 4, 100_000, Usual.Images);
    private readonly Option<long> _seed = Arguments.Number("--seed", "Decides samples, noise and every other choice.", 0, 9_007_199_254_740_991, 0);
    private readonly SamplerOptions _sampler = new();
    private readonly Option<string> _terms = new("--terms")
    {
        Description = $"bits-per-dim: timesteps evaluated for each picture, 2 to 10000, or '{All}'.",
        HelpName = "N",
        DefaultValueFactory = _ => Usual.Timesteps!.Value.ToString(CultureInfo.InvariantCulture),
    };

    private readonly Option<string?> _features = new("--features")
    {
        Description = "fid, kid: a feature network, saved by torch.jit.save. It is a program: use only files whose maker you trust.",
        HelpName = "FILE",
    };

    private readonly Option<int> _featureSize = Arguments.Number("--feature-size", "fid, kid: side that the network takes, 32 to 1024; 0 shows pictures at their own size.", 0, 1024, new FeatureConfig().Side);
    private readonly Option<string?> _featureRange = Arguments.Choice("--feature-range", "fid, kid: values that the network takes; 0..255 are bytes:", FeatureRanges.Names.First(), [.. FeatureRanges.Names]);
    private readonly Option<int?> _reference = Arguments.OptionalNumber("--reference", "fid, kid: at most so many pictures of the dataset; all if not given.", 4, 10_000_000);
    private readonly Option<string?> _cache = new("--cache") { Description = "fid, kid: folder that remembers features of datasets; features/ in the dataset's folder if not given.", HelpName = "FOLDER" };
    private readonly Option<int> _rows = Arguments.Number("--rows", "nearest: samples shown, those nearest to the dataset.", 1, 256, Usual.Rows);
    private readonly Option<int> _neighbours = Arguments.Number("--neighbours", "nearest: pictures of the dataset beside each.", 1, 32, Usual.Neighbours);
    private readonly Option<string?> _out = new("--out") { Description = "Also write evaluation.json, samples.png and nearest.png into this folder.", HelpName = "FOLDER" };
    private readonly Option<bool> _json = new("--json") { Description = "Write JSON, for programs." };
    private readonly Option<string> _device = Arguments.Device();
    private readonly Option<int?> _threads = Arguments.Threads();

    public static Command Create() => new EvaluateCommand().Build();

    private Command Build()
    {
        var command = new Command("evaluate", "Measures a model: bits per dimension, FID and KID, sliced Wasserstein distance, and the training pictures nearest to its samples.")
        {
            _model, _dataset, _metrics, _images, _seed, _terms, _features, _featureSize, _featureRange, _reference, _cache, _rows, _neighbours, _out, _json, _device, _threads,
        };
        _sampler.AddTo(command);
        _pictures.AddTo(command);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        using var interruption = new Interruption();
        using var temporary = new TemporaryFolder();
        var metrics = Metrics(parsed.GetValue(_metrics), parsed.GetValue(_features));
        var terms = Terms(parsed.GetRequiredValue(_terms));
        var device = SelectedDevice.From(parsed.GetValue(_device)!, parsed.GetValue(_threads));
        using var features = Features(parsed, metrics, device);
        using var model = DiffusionModel.Load(ModelPath.Find(parsed.GetRequiredValue(_model)), device);
        var asked = parsed.GetRequiredValue(_dataset);
        var place = PictureSource.IsDataset(asked) ? asked : Decode(_pictures.Of(parsed, asked, interruption.Token), model, temporary, interruption.Token);
        using var dataset = ImageDataset.Open(place);
        var request = new EvaluationRequest
        {
            Metrics = metrics,
            Images = parsed.GetValue(_images),
            Seed = (ulong)parsed.GetValue(_seed),
            Sampler = _sampler.From(parsed, model),
            Timesteps = terms,
            ReferenceImages = parsed.GetValue(_reference),
            Features = features,
            Cache = parsed.GetValue(_cache) ?? (place == asked ? Path.Combine(place, "features") : null),
            Rows = parsed.GetValue(_rows),
            Neighbours = parsed.GetValue(_neighbours),
            Threads = parsed.GetValue(_threads),
        };
        Evaluator.Check(model, dataset, request);

        var report = ProgressDisplay.Run("Evaluating", display => Evaluator.Run(model, dataset, request, new Reporter(display), interruption.Token));
        var json = EvaluationJson.Of(report, parsed.GetRequiredValue(_model), dataset, request);
        Console.WriteLine(parsed.GetValue(_json) ? json : EvaluationTable.Of(report));
        if (parsed.GetValue(_out) is { } folder)
            Write(folder, json, report);
        return 0;
    }

    private static HashSet<EvaluationMetric> Metrics(string? list, string? features)
    {
        try
        {
            return list is not null
                ? [.. list.Split(',').Select(name => EvaluationMetrics.Parse(name.Trim()))]
                : [.. Enum.GetValues<EvaluationMetric>().Where(metric => features is not null || metric is not (EvaluationMetric.Fid or EvaluationMetric.Kid))];
        }
        catch (ArgumentException unknown)
        {
            throw new UserErrorException($"--metrics: {unknown.Message.Split(" (Parameter")[0]}");
        }
    }

    private static int? Terms(string text) => text == All ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is >= 2 and <= 10_000 ? count
        : throw new UserErrorException($"--terms is '{text}'; a whole number from 2 to 10000, or '{All}', is accepted.");

    private static string Decode(IImageSource source, DiffusionModel model, TemporaryFolder temporary, CancellationToken cancellationToken)
    {
        var folder = temporary.Below("dataset");
        PictureSource.Decode(source, new DatasetOptions { Resolution = model.Side, Channels = model.Network.InChannels }, folder, cancellationToken);
        return folder;
    }

    private FeatureNetwork? Features(ParseResult parsed, HashSet<EvaluationMetric> metrics, Device device)
    {
        if (!metrics.Contains(EvaluationMetric.Fid) && !metrics.Contains(EvaluationMetric.Kid))
            return null;
        if (parsed.GetValue(_features) is not { } file)
            throw new UserErrorException("--metrics names fid or kid, which need --features: a feature network, saved by torch.jit.save.");
        var size = parsed.GetValue(_featureSize);
        if (size is > 0 and < 32)
            throw new UserErrorException($"--feature-size is {size}; 32 to 1024, or 0 for the pictures' own size, is accepted.");
        return FeatureNetwork.Load(file, new FeatureConfig { Side = size, Range = FeatureRanges.Parse(parsed.GetValue(_featureRange)!) }, device);
    }

    private static void Write(string folder, string json, EvaluationReport report)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "evaluation.json"), json + "\n");
        if (report.Samples is { } samples)
        {
            var shown = samples with { Pixels = samples.Pixels[..(Math.Min(samples.Count, 64) * samples.ImageBytes)], Count = Math.Min(samples.Count, 64) };
            var (rows, columns) = ImageGrid.LayoutFor(shown.Count);
            File.WriteAllBytes(Path.Combine(folder, "samples.png"), ImageGrid.EncodePng(shown, rows, columns));
        }

        if (report.NearestGrid is { } grid)
            File.WriteAllBytes(Path.Combine(folder, "nearest.png"), grid);
    }

    private sealed class Reporter(ProgressDisplay display) : IProgress<EvaluationProgress>
    {
        private readonly Lock _lock = new();

        public void Report(EvaluationProgress value)
        {
            lock (_lock)
                display.Report(value.Fraction, 1, value.Stage);
        }
    }
}
