using System.Globalization;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Training;

namespace Ddpm.Cli.Training;

/// <summary>Writes down what a run reports: <c>metrics.csv</c>, <c>loss.png</c>, <c>previews/</c>, and the progress bar.</summary>
internal sealed class TrainJournal : TrainingObserver, IDisposable
{
    private const string Header = "step,epoch,loss,learning_rate,grad_norm,images_per_second,skipped_steps,ema_distance,memory_mib";
    private const int Fields = 9;
    private const int FieldsOfOldRuns = 6; // which had no more
    private const int Points = 2000; // of the whole curve, about

    private readonly string _folder;
    private readonly ProgressDisplay _display;
    private readonly Action _afterCheckpoint;
    private readonly long _stepsPerPoint;
    private readonly List<(long Step, double Loss)> _curve = [];
    private StreamWriter _metrics;
    private double _lossSum;
    private long _lossCount;

    public TrainJournal(string folder, long doneSteps, long totalSteps, ProgressDisplay display, Action afterCheckpoint)
    {
        (_folder, _display, _afterCheckpoint) = (folder, display, afterCheckpoint);
        _stepsPerPoint = Math.Max(1, totalSteps / Points);
        Directory.CreateDirectory(Path.Combine(folder, "previews"));
        _metrics = GoOnFrom(doneSteps);
    }

    public override void OnProgress(TrainingProgress progress)
    {
        if (!progress.Skipped)
        {
            _lossSum += progress.Loss;
            _lossCount++;
        }

        var skipped = progress.SkippedSteps > 0 ? FormattableString.Invariant($", {progress.SkippedSteps} skipped") : "";
        var left = progress.Remaining is { } remaining ? $", {remaining:d\\.hh\\:mm\\:ss} left".Replace(" 0.", " ", StringComparison.Ordinal) : "";
        _display.Report(progress.Step, progress.TotalSteps, FormattableString.Invariant(
            $"step {progress.Step}/{progress.TotalSteps}, epoch {progress.Epoch:0.0}, loss {progress.Loss:0.0000}, {progress.ImagesPerSecond:0.0} images/s{skipped}{left}"));
        if (_lossCount == 0 || (progress.Step % _stepsPerPoint != 0 && progress.Step != progress.TotalSteps))
            return;
        var loss = _lossSum / _lossCount;
        (_lossSum, _lossCount) = (0, 0);
        _curve.Add((progress.Step, loss));
        _metrics.WriteLine(FormattableString.Invariant(
            $"{progress.Step},{progress.Epoch:0.####},{loss:G6},{progress.LearningRate:G6},{progress.GradNorm:G6},{progress.ImagesPerSecond:0.##},{progress.SkippedSteps},{progress.EmaDistance:G4},{progress.MemoryBytes >> 20}"));
    }

    public override void OnPreview(TrainingPreviewImages preview)
    {
        var (rows, columns) = ImageGrid.LayoutFor(preview.Images.Count);
        var name = FormattableString.Invariant($"previews/step-{preview.Step:D8}.png");
        File.WriteAllBytes(Path.Combine(_folder, name), ImageGrid.EncodePng(preview.Images, rows, columns));
        _display.Say($"Preview: {name}");
    }

    public override void OnCheckpoint(CheckpointInfo checkpoint)
    {
        File.WriteAllBytes(Path.Combine(_folder, "loss.png"), LossCurve.EncodePng(_curve));
        _display.Say(FormattableString.Invariant($"Checkpoint: checkpoints/{Path.GetFileName(checkpoint.Folder)}, loss {checkpoint.Loss:0.0000}"));
        _afterCheckpoint();
    }

    public override void OnRollback(TrainingRollback rollback)
    {
        _display.Say(FormattableString.Invariant(
            $"The loss is not finite any more at step {rollback.FromStep}: going back to step {rollback.Step}, with {rollback.RateFactor:0.####} times the learning rate from now on."));
        (_lossSum, _lossCount) = (0, 0);
        _metrics.Dispose();
        _metrics = GoOnFrom(rollback.Step);
    }

    public void Dispose() => _metrics.Dispose();

    private StreamWriter GoOnFrom(long step)
    {
        var file = Path.Combine(_folder, "metrics.csv");
        _curve.Clear();
        var kept = RowsUpTo(file, step);
        File.WriteAllLines(file + ".partial", kept.Prepend(Header));
        File.Move(file + ".partial", file, overwrite: true);
        return new StreamWriter(file, append: true) { AutoFlush = true };
    }

    // Rows past the checkpoint that a run goes on from are of steps that are taken again.
    private List<string> RowsUpTo(string file, long step)
    {
        if (step == 0 || !File.Exists(file))
            return [];
        var kept = new List<string>();
        foreach (var row in File.ReadLines(file).Skip(1))
        {
            var fields = row.Split(',');
            if (fields.Length is not (FieldsOfOldRuns or Fields) || !long.TryParse(fields[0], CultureInfo.InvariantCulture, out var at) || at > step)
                continue;
            kept.Add(fields.Length == Fields ? row : row + new string(',', Fields - FieldsOfOldRuns));
            _curve.Add((at, double.Parse(fields[2], CultureInfo.InvariantCulture)));
        }

        return kept;
    }
}
