using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling.Steps;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>A request within a <see cref="SharedLoop"/>, whose thread alone uses it until it has ended.</summary>
internal sealed class Drawing
{
    private readonly List<RunningImage> _pending;
    private readonly IProgress<SamplingProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PixelBatch _pictures;
    private readonly float[] _finished;
    private readonly int _total;
    private int _done;

    public Drawing(IReadOnlyList<ImageToDraw> images, PixelBatch pictures, int threads, IProgress<SamplingProgress>? progress, Trajectory? trajectory, CancellationToken cancellation)
    {
        var watch = trajectory?.Watch();
        _pending = [.. images.Select((image, index) => new RunningImage(image, index, watch))];
        (_pictures, Threads, _progress, _cancellation) = (pictures, threads, progress, cancellation);
        _finished = new float[pictures.ImageBytes];
        _total = _pending.Sum(image => image.Steps);
        Rows = _pending[0].IsGuided ? 2 : 1; // of all of them: guidance is the request's
    }

    /// <summary>Pictures that it wants side by side where they do not share calls.</summary>
    public int Threads { get; }

    /// <summary>Rows of a call that a picture takes.</summary>
    public int Rows { get; }

    public bool HasEnded { get; private set; }

    public bool IsCancelled => _cancellation.IsCancellationRequested;

    public long LastCall { get; private set; }

    public Standing Standing => new((long)(_total - _done) * Rows, _pending.Count, Rows, LastCall);

    /// <summary>The pictures to move next. The first ones first, so that they are finished, and their memory is free, soon.</summary>
    public IEnumerable<RunningImage> Next(int count) => _pending.Take(count);

    /// <summary>Some pictures have moved.</summary>
    /// <param name="moved">How many.</param>
    /// <param name="call">The number of the call.</param>
    /// <param name="stepper">Hands out those that are finished.</param>
    public void Moved(int moved, long call, Stepper stepper)
    {
        (LastCall, _done) = (call, _done + moved);
        Settle(stepper);
        _progress?.Report(new SamplingProgress(_done, _total));
    }

    /// <summary>Takes out pictures that have no step left.</summary>
    public void Settle(Stepper stepper)
    {
        for (var at = 0; at < _pending.Count; at++)
        {
            if (!_pending[at].IsDone)
                continue;
            stepper.Take(_pending[at], _finished);
            if (!SpanMath.AreFinite(_finished))
                throw new SamplingException("The pictures are not numbers any more: the model's weights, or its noise schedule, are not usable.");
            PixelRange.ToBytes(_finished, _pictures.Pixels.AsSpan(_pending[at].Index * _pictures.ImageBytes, _pictures.ImageBytes));
            _pending.RemoveAt(at--);
        }
    }

    public bool IsFinished => _pending.Count == 0;

    /// <summary>Lets its caller go on.</summary>
    public void End(Exception? failure, Stepper? stepper = null)
    {
        if (HasEnded)
            return;
        HasEnded = true;
        foreach (var image in _pending)
            stepper?.Drop(image);
        _pending.Clear();
        if (failure is null)
            _ended.SetResult();
        else
            _ended.SetException(failure);
    }

    public void EndCancelled(Stepper stepper) => End(new OperationCanceledException(_cancellation), stepper);

    /// <summary>Called by who asked.</summary>
    public PixelBatch Wait()
    {
        _ended.Task.GetAwaiter().GetResult(); // the loop looks at the token, and then lets its caller go
        return _pictures;
    }
}
