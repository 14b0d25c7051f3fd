using System.CommandLine;
using Ddpm.Cli.CommandLine;
using Ddpm.Cli.Datasets;
using Ddpm.Engine.Data;

namespace Ddpm.Cli.Training;

/// <summary><c>ddpm train</c>: pictures in, a model folder out.</summary>
internal sealed class TrainCommand
{
    private const long LargestSeed = 9_007_199_254_740_991; // 2⁵³ − 1: exact in JSON everywhere

    private static readonly TrainSettings Usual = new();

    private readonly Argument<string?> _data = new("DATA")
    {
        Description = "A folder of pictures (sub-folders are classes), a zip or tar of them, parquet files, a dataset made by 'ddpm dataset make', or one of the Hugging Face hub: hub:OWNER/NAME or hub:OWNER/NAME@REVISION. Not needed with --resume.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string> _out = new("--out") { Description = "Folder for all that the run makes.", HelpName = "FOLDER", Required = true };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on with the run in FOLDER from its newest checkpoint; --epochs or --steps may ask for more." };
    private readonly Option<int> _resolution = Arguments.Number("--resolution", "Side that pictures are cropped and brought to, in pixels.", 8, 512, 64);
    private readonly Option<int?> _limit = Arguments.OptionalNumber("--limit", "At most so many pictures, the first in name order.", 1, 10_000_000);
    private readonly Option<bool> _deduplicate = new("--deduplicate") { Description = "Keep one of each set of pictures with identical content." };
    private readonly Option<string> _channels = Arguments.List("--channels", "Channels of each level of the network, from the full resolution down.", 8, 4, 2048, Usual.Channels);
    private readonly Option<int> _layers = Arguments.Number("--layers", "Residual blocks of each level.", 1, 8, Usual.Layers);
    private readonly Option<string?> _attention = Arguments.OptionalList(
        "--attention-resolutions", "Resolutions in pixels whose level has self-attention; that of the second level from the bottom if not given.", 8, 1, 512);
    private readonly Option<int?> _normGroups = Arguments.OptionalNumber(
        "--norm-groups", "Groups of every GroupNorm, a divisor of all channels; 32, or fewer where a group would have less than four channels, if not given.", 1, 256);
    private readonly Option<double> _dropout = Arguments.Number("--dropout", "Probability of dropping an activation.", 0, 0.9, Usual.Dropout);
    private readonly Option<int> _timesteps = Arguments.Number("--timesteps", "Diffusion steps T.", 10, 10_000, Usual.Timesteps);
    private readonly Option<string?> _betaSchedule = Arguments.Choice("--beta-schedule", "Noise schedule:", Usual.BetaSchedule, "linear", "scaled_linear", "squaredcos_cap_v2");
    private readonly Option<int> _epochs = Arguments.Number("--epochs", "Passes over the pictures.", 1, 100_000, Usual.Epochs);
    private readonly Option<long?> _steps = Arguments.OptionalNumber("--steps", "Optimizer steps in all, instead of --epochs.", 1L, 100_000_000L);
    private readonly Option<int> _batchSize = Arguments.Number("--batch-size", "Pictures of one pass.", 1, 4096, Usual.BatchSize);
    private readonly Option<int> _accumulate = Arguments.Number("--accumulate", "Passes averaged into one optimizer step.", 1, 1024, Usual.Accumulate);
    private readonly Option<double> _learningRate = Arguments.Number("--learning-rate", "Highest learning rate of AdamW.", 1e-8, 1, Usual.LearningRate);
    private readonly Option<int?> _warmup = Arguments.OptionalNumber("--warmup", "Steps in which the rate rises from 0; 500, or a tenth of a short run, if not given.", 0, 1_000_000);
    private readonly Option<double> _weightDecay = Arguments.Number("--weight-decay", "Decoupled weight decay.", 0.0, 1, Usual.WeightDecay);
    private readonly Option<double> _ema = Arguments.Number("--ema", "Highest decay of the average of the weights; 0 for none.", 0, 0.999999, Usual.Ema);
    private readonly Option<long> _seed = Arguments.Number("--seed", "Decides first weights, order, flips and noise.", 0, LargestSeed, Usual.Seed);
    private readonly Option<bool> _flip = new("--flip") { Description = "Mirror half of the pictures, which is on unless you say '--flip false', as for letters.", DefaultValueFactory = _ => Usual.Flip };
    private readonly Option<string> _device = Arguments.Device();
    private readonly Option<int?> _threads = Arguments.Threads();
    private readonly Option<long?> _checkpointEvery = Arguments.OptionalNumber("--checkpoint-every", "Steps between checkpoints; whole epochs, at least 500 steps, if not given.", 1L, 100_000_000L);
    private readonly Option<long?> _previewEvery = Arguments.OptionalNumber("--preview-every", "Steps between previews; whole epochs, at least 200 steps, if not given.", 1L, 100_000_000L);
    private readonly Option<int> _keep = Arguments.Number("--keep", "Checkpoints that stay, the newest ones.", 1, 1000, 3);

    private readonly PictureOptions _pictures = new();

    public static Command Create() => new TrainCommand().Build();

    private Command Build()
    {
        var command = new Command(
            "train",
            "Trains a network on pictures. FOLDER receives dataset/, previews/, checkpoints/, metrics.csv, loss.png and, at the end, model/: a diffusers folder. Ctrl-C saves.")
        {
            _data, _out, _resume, _resolution, _limit, _deduplicate, _channels, _layers, _attention, _normGroups, _dropout, _timesteps, _betaSchedule, _epochs, _steps, _batchSize, _accumulate,
            _learningRate, _warmup, _weightDecay, _ema, _seed, _flip, _device, _threads, _checkpointEvery, _previewEvery, _keep,
        };
        _pictures.AddTo(command);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        using var interruption = new Interruption();
        var device = SelectedDevice.From(parsed.GetValue(_device)!, parsed.GetValue(_threads));
        var folder = Path.GetFullPath(parsed.GetRequiredValue(_out));
        var saved = TrainSettings.Read(folder);
        var settings = parsed.GetValue(_resume) ? Resumed(parsed, folder, saved) : Begun(parsed, folder, saved, interruption.Token);

        using var dataset = ImageDataset.Open(settings.Dataset);
        settings.Write(folder);
        return new TrainRun(folder, settings, dataset, device)
        {
            CheckpointEvery = parsed.GetValue(_checkpointEvery),
            PreviewEvery = parsed.GetValue(_previewEvery),
            Keep = parsed.GetValue(_keep),
        }.Run(parsed.GetValue(_resume), interruption.Token);
    }

    private TrainSettings Begun(ParseResult parsed, string folder, TrainSettings? saved, CancellationToken cancellationToken)
    {
        if (saved is not null)
            throw new UserErrorException($"--out is '{folder}', where a run lies already; go on with it by --resume, or name another folder.");
        if (parsed.GetValue(_data) is not { } data)
            throw new UserErrorException("DATA is missing; a folder of pictures, a zip or tar of them, or a dataset made by 'ddpm dataset make' is accepted.");
        Directory.CreateDirectory(folder);
        return Asked(parsed, Usual) with { Dataset = PictureSource.IsDataset(data) ? Path.GetFullPath(data) : Decode(parsed, data, folder, cancellationToken) };
    }

    private TrainSettings Resumed(ParseResult parsed, string folder, TrainSettings? saved)
    {
        if (saved is null)
            throw new UserErrorException($"--out is '{folder}', which holds no run to resume.");
        var asked = Asked(parsed, saved);
        if (parsed.GetValue(_data) is { } data && PictureSource.IsDataset(data))
            asked = asked with { Dataset = Path.GetFullPath(data) };
        return asked.ConflictWith(saved) is { } conflict
            ? throw new UserErrorException($"--resume goes on with the settings of the run, but {conflict}; only --epochs and --steps may change.")
            : asked;
    }

    private string Decode(ParseResult parsed, string data, string folder, CancellationToken cancellationToken)
    {
        var options = new DatasetOptions { Resolution = parsed.GetValue(_resolution), Limit = parsed.GetValue(_limit), Deduplicate = parsed.GetValue(_deduplicate) };
        var target = Path.Combine(folder, "dataset");
        if (PictureSource.IsDataset(target))
            Directory.Delete(target, recursive: true); // of a run that never began
        var manifest = PictureSource.Decode(_pictures.Of(parsed, data, cancellationToken), options, target, cancellationToken);
        foreach (var remark in PictureSource.Remarks(manifest))
            Console.Error.WriteLine(remark);
        return target;
    }

    // What is not on the command line stays as it is in `otherwise`.
    private TrainSettings Asked(ParseResult parsed, TrainSettings otherwise)
    {
        T Of<T>(Option<T> option, T usual) => parsed.GetResult(option) is { Implicit: false } ? parsed.GetValue(option)! : usual;
        return otherwise with
        {
            Channels = Of(_channels, otherwise.Channels),
            Layers = Of(_layers, otherwise.Layers),
            AttentionResolutions = Of(_attention, otherwise.AttentionResolutions),
            NormGroups = Of(_normGroups, otherwise.NormGroups),
            Dropout = Of(_dropout, otherwise.Dropout),
            Timesteps = Of(_timesteps, otherwise.Timesteps),
            BetaSchedule = Of(_betaSchedule, otherwise.BetaSchedule)!,
            Epochs = Of(_epochs, otherwise.Epochs),
            Steps = parsed.GetResult(_epochs) is { Implicit: false } ? parsed.GetValue(_steps) : Of(_steps, otherwise.Steps),
            BatchSize = Of(_batchSize, otherwise.BatchSize),
            Accumulate = Of(_accumulate, otherwise.Accumulate),
            LearningRate = Of(_learningRate, otherwise.LearningRate),
            Warmup = Of(_warmup, otherwise.Warmup),
            WeightDecay = Of(_weightDecay, otherwise.WeightDecay),
            Ema = Of(_ema, otherwise.Ema),
            Seed = Of(_seed, otherwise.Seed),
            Flip = Of(_flip, otherwise.Flip),
        };
    }
}
