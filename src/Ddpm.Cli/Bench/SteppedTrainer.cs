using System.Runtime.ExceptionServices;
using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>A training run that goes on a number of steps when it is told to and stands still between, so that it can take turns with another.</summary>
internal sealed class SteppedTrainer : TrainingObserver, IDisposable
{
    private readonly Trainer _trainer;
    private readonly Thread _thread;
    private readonly SemaphoreSlim _go = new(0);
    private readonly SemaphoreSlim _done = new(0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<double> _losses = [];
    private long _until;
    private Exception? _fault;

    /// <param name="config">Without checkpoints and previews: they would be measured too.</param>
    /// <param name="network">What is trained.</param>
    /// <param name="dataset">Borrowed.</param>
    /// <param name="device">Where.</param>
    /// <param name="folder">For what it writes when it is disposed.</param>
    public SteppedTrainer(TrainingConfig config, UNetConfig network, ImageDataset dataset, Device device, string folder)
    {
        _trainer = new Trainer(config, network, new NoiseScheduleConfig(), dataset, device, folder);
        var threads = get_num_threads(); // holds for the thread that sets it
        _thread = new Thread(() => Run(threads)) { Name = nameof(SteppedTrainer), IsBackground = true };
        _thread.Start();
    }

    /// <summary>The loss of each step so far.</summary>
    public IReadOnlyList<double> Losses => _losses;

    /// <summary>Takes so many steps and returns.</summary>
    public void Step(int steps)
    {
        _until += steps;
        _go.Release();
        _done.Wait();
        if (_fault is { } fault)
            ExceptionDispatchInfo.Throw(fault);
    }

    /// <inheritdoc/>
    public override void OnProgress(TrainingProgress progress)
    {
        _losses.Add(progress.Loss);
        if (_losses.Count < _until || _stop.IsCancellationRequested)
            return;
        _done.Release();
        _go.Wait();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _go.Release();
        _thread.Join();
        _trainer.Dispose();
        _go.Dispose();
        _done.Dispose();
        _stop.Dispose();
    }

    private void Run(int threads)
    {
        set_num_threads(threads);
        _go.Wait();
        try
        {
            if (!_stop.IsCancellationRequested)
                _trainer.Run(this, _stop.Token);
        }
        catch (Exception fault)
        {
            _fault = fault;
        }

        _done.Release();
    }
}
