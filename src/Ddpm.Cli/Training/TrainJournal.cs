using System.Globalization;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Training;

namespace Ddpm.Cli.Training;

/// <summary>Writes down what a run reports: <c>metrics.csv</c>, <c>loss.png</c>, <c>previews/</c>, and the progress bar.</summary>
internal sealed class TrainJournal : TrainingObserver, IDisposable
{
    private const string Header = "step,epoch,loss,learning_rate,grad_norm,images_per_second";
    private const int Points = 2000; // of the whole curve, about

    private readonly string _folder;
    private readonly ProgressDisplay _display;
    private readonly Action _afterCheckpoint;
    private readonly long _stepsPerPoint;
    private readonly List<(long Step, double Loss)> _curve = [];
    private readonly StreamWriter _metrics;
    private double _lossSum;
    private long _lossCount;

    public TrainJournal(string folder, long doneSteps, long totalSteps, ProgressDisplay display, Action afterCheckpoint)
    {
        (_folder, _display, _afterCheckpoint) = (folder, display, afterCheckpoint);
        _stepsPerPoint = Math.Max(1, totalSteps / Points);
        Directory.CreateDirectory(Path.Combine(folder, "previews"));
        var file = Path.Combine(folder, "metrics.csv");
        var kept = RowsUpTo(file, doneSteps);
        _metrics = new StreamWriter(file, append: false) { AutoFlush = true };
        _metrics.WriteLine(Header);
        kept.ForEach(_metrics.WriteLine);
    }

    public override void OnProgress(TrainingProgress progress)
    {
        _lossSum += progress.Loss;
        _lossCount++;
        var left = progress.Remaining is { } remaining ? $", {remaining:d\\.hh\\:mm\\:ss} left".Replace(" 0.", " ", StringComparison.Ordinal) : "";
        _display.Report(progress.Step, progress.TotalSteps, FormattableString.Invariant(
            $"step {progress.Step}/{progress.TotalSteps}, epoch {progress.Epoch:0.0}, loss {progress.Loss:0.0000}, {progress.ImagesPerSecond:0.0} images/s{left}"));
        if (progress.Step % _stepsPerPoint != 0 && progress.Step != progress.TotalSteps)
            return;
        var loss = _lossSum / _lossCount;
        (_lossSum, _lossCount) = (0, 0);
        _curve.Add((progress.Step, loss));
        _metrics.WriteLine(FormattableString.Invariant(
            $"{progress.Step},{progress.Epoch:0.####},{loss:G6},{progress.LearningRate:G6},{progress.GradNorm:G6},{progress.ImagesPerSecond:0.##}"));
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

    public void Dispose() => _metrics.Dispose();

    // Rows past the checkpoint that a run goes on from are of steps that are taken again.
    private List<string> RowsUpTo(string file, long step)
    {
        if (step == 0 || !File.Exists(file))
            return [];
        var kept = new List<string>();
        foreach (var row in File.ReadLines(file).Skip(1))
        {
            var fields = row.Split(',');
            if (fields.Length != Header.Split(',').Length || !long.TryParse(fields[0], CultureInfo.InvariantCulture, out var at) || at > step)
                continue;
            kept.Add(row);
            _curve.Add((at, double.Parse(fields[2], CultureInfo.InvariantCulture)));
        }

        return kept;
    }
}
