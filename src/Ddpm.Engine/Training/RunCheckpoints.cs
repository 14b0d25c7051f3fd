using System.Runtime.ExceptionServices;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Training;

/// <summary>The checkpoints of a run: written beside it while it goes on, one at a time, and gone back to.</summary>
/// <remarks>Not for several threads: writing happens on one of its own, all else on the one that trains.</remarks>
internal sealed class RunCheckpoints : IDisposable
{
    private readonly string _root;
    private readonly NoiseScheduleConfig _schedule;
    private readonly ClassNames? _classes;
    private readonly TrainedNetworks _networks;
    private readonly AdamW _optimizer;
    private readonly CheckpointTensors _live;
    private CheckpointSnapshot? _snapshot;
    private Task<CheckpointInfo>? _writing;

    /// <param name="root">Checkpoints are written here as <c>step-00001000</c>.</param>
    /// <param name="schedule">The run's.</param>
    /// <param name="classes">The run's; null for none.</param>
    /// <param name="networks">What is written and read. Borrowed.</param>
    /// <param name="optimizer">Its moments too. Borrowed.</param>
    public RunCheckpoints(string root, NoiseScheduleConfig schedule, ClassNames? classes, TrainedNetworks networks, AdamW optimizer)
    {
        (_root, _schedule, _classes, _networks, _optimizer) = (root, schedule, classes, networks, optimizer);
        var raw = networks.Master.state_dict();
        _live = new CheckpointTensors(networks.Averaged?.state_dict() ?? raw, raw, TrainingCheckpoint.Moments(optimizer));
    }

    /// <summary>What the run goes back to: the newest that is on the disk; null for its beginning.</summary>
    public string? Good { get; private set; }

    /// <summary>Bytes of the tensors of a checkpoint, which are all but a few KiB of it.</summary>
    public long Bytes => new[] { _live.Model, _live.Raw, _live.Moments }.Sum(tensors => tensors.Values.Sum(tensor => tensor.numel() * tensor.ElementSize));

    /// <summary>Copies everything and begins to write the copy. What is being written must have been taken first.</summary>
    /// <param name="state">How far the run is.</param>
    /// <param name="meanLoss">Over the latest steps.</param>
    public void Begin(TrainingCheckpoint.State state, double meanLoss)
    {
        if (_writing is not null)
            throw new InvalidOperationException("A checkpoint is being written already.");
        _snapshot ??= new CheckpointSnapshot(_live);
        _snapshot.Take();
        var tensors = _snapshot.Tensors;
        _writing = Task.Factory.StartNew(() => Write(tensors, state, meanLoss), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Writes as things are now, without a copy.</summary>
    /// <param name="state">How far the run is.</param>
    /// <param name="meanLoss">Over the latest steps.</param>
    public CheckpointInfo WriteNow(TrainingCheckpoint.State state, double meanLoss)
    {
        var written = Write(_live, state, meanLoss);
        Good = written.Folder;
        return written;
    }

    /// <summary>The checkpoint that has been written since this was last asked; null for none. Throws what writing threw.</summary>
    /// <param name="wait">Whether to wait for one that is being written.</param>
    public CheckpointInfo? TakeWritten(bool wait)
    {
        if (_writing is not { } writing || !(wait || writing.IsCompleted))
            return null;
        Wait();
        _writing = null;
        if (writing.Exception is { } fault)
            ExceptionDispatchInfo.Throw(fault.InnerException!);
        Good = writing.Result.Folder;
        return writing.Result;
    }

    /// <summary>Waits until nothing is being written any more, whatever became of it.</summary>
    public void Wait()
    {
        if (_writing is not null)
            ((IAsyncResult)_writing).AsyncWaitHandle.WaitOne();
    }

    /// <summary>Loads a checkpoint, which from then on is what the run goes back to.</summary>
    /// <exception cref="CheckpointException">It cannot be used.</exception>
    public TrainingCheckpoint.State Read(string folder)
    {
        var state = TrainingCheckpoint.Read(folder, _networks.Averaged, _networks.Master, _optimizer, _schedule);
        Good = folder;
        return state;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Wait();
        _snapshot?.Dispose();
    }

    private CheckpointInfo Write(CheckpointTensors tensors, TrainingCheckpoint.State state, double meanLoss)
    {
        var folder = Path.Combine(_root, $"step-{state.Step:D8}");
        var sha256 = TrainingCheckpoint.Write(folder, _networks.Master.Config, tensors, _schedule, _classes, state);
        var bytes = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
        var parameters = _networks.Parameters.Sum(parameter => parameter.Value.numel());
        return new CheckpointInfo(folder, state.Step, state.Epoch, meanLoss, sha256, bytes, parameters, _networks.Averaged is not null);
    }
}
