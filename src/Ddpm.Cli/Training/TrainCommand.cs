using System.CommandLine;
using Ddpm.Cli.CommandLine;
using Ddpm.Cli.Datasets;
using Ddpm.Engine.Data;

namespace Ddpm.Cli.Training;

/// <summary><c>ddpm train</c>: pictures in, a model folder out.</summary>
internal sealed class TrainCommand
{
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
    private readonly Option<string> _device = Arguments.Device();
    private readonly Option<int?> _threads = Arguments.Threads();
    private readonly Option<long?> _checkpointEvery = Arguments.OptionalNumber("--checkpoint-every", "Steps between checkpoints; whole epochs, at least 500 steps, if not given.", 1L, 100_000_000L);
    private readonly Option<long?> _previewEvery = Arguments.OptionalNumber("--preview-every", "Steps between previews; whole epochs, at least 200 steps, if not given.", 1L, 100_000_000L);
    private readonly Option<int> _keep = Arguments.Number("--keep", "Newest checkpoints that stay; the one with the lowest loss stays too.", 1, 1000, 3);
    private readonly Option<int?> _keepMebibytes = Arguments.OptionalNumber("--keep-mib", "Fewer checkpoints stay where they would have more MiB together; the newest and the one with the lowest loss always do.", 1, 100_000_000);
    private readonly Option<TimeSpan?> _maxTime = Arguments.Duration("--max-time", "End, with a checkpoint and a model, when this command has trained so long; --resume goes on.");

    private readonly TrainOptions _options = new();
    private readonly PictureOptions _pictures = new();

    public static Command Create() => new TrainCommand().Build();

    private Command Build()
    {
        var command = new Command(
            "train",
            "Trains a network on pictures. FOLDER receives dataset/, previews/, checkpoints/, tensorboard/, metrics.csv, loss.png and, at the end, model/: a diffusers folder. Ctrl-C saves.")
        {
            _data, _out, _resume, _resolution, _limit, _deduplicate, _device, _threads, _checkpointEvery, _previewEvery, _keep, _keepMebibytes, _maxTime,
        };
        _options.AddTo(command);
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
            MaxCheckpointBytes = parsed.GetValue(_keepMebibytes) * (1L << 20),
            MaxDuration = parsed.GetValue(_maxTime),
        }.Run(parsed.GetValue(_resume), interruption.Token);
    }

    private TrainSettings Begun(ParseResult parsed, string folder, TrainSettings? saved, CancellationToken cancellationToken)
    {
        if (saved is not null)
            throw new UserErrorException($"--out is '{folder}', where a run lies already; go on with it by --resume, or name another folder.");
        if (parsed.GetValue(_data) is not { } data)
            throw new UserErrorException("DATA is missing; a folder of pictures, a zip or tar of them, or a dataset made by 'ddpm dataset make' is accepted.");
        Directory.CreateDirectory(folder);
        return _options.Asked(parsed, new TrainSettings()) with { Dataset = PictureSource.IsDataset(data) ? Path.GetFullPath(data) : Decode(parsed, data, folder, cancellationToken) };
    }

    private TrainSettings Resumed(ParseResult parsed, string folder, TrainSettings? saved)
    {
        if (saved is null)
            throw new UserErrorException($"--out is '{folder}', which holds no run to resume.");
        var asked = _options.Asked(parsed, saved);
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
}
