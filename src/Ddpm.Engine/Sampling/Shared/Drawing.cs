using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling.Steps;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>A request within a <see cref="SharedLoop"/>, whose lock guards it but for <see cref="Finish"/>, <see cref="Report"/> and <see cref="Wait"/>.</summary>
internal sealed class Drawing
{
    private readonly List<RunningImage> _waiting;
    private readonly IProgress<SamplingProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PixelBatch _pictures;
    private readonly int _total;
    private Exception? _failure;
    private int _moving;
    private int _done;

    public Drawing(IReadOnlyList<ImageToDraw> images, PixelBatch pictures, int threads, IProgress<SamplingProgress>? progress, Trajectory? trajectory, CancellationToken cancellation)
    {
        var watch = trajectory?.Watch();
        _waiting = [.. images.Select((image, index) => new RunningImage(image, index, watch))];
        (_pictures, Threads, _progress, _cancellation) = (pictures, threads, progress, cancellation);
        _total = _waiting.Sum(image => image.Steps);
        Rows = _waiting[0].IsGuided ? 2 : 1; // of all of them: guidance is the request's
    }

    /// <summary>Pictures that it wants side by side where they do not share calls.</summary>
    public int Threads { get; }

    /// <summary>Rows of a call that a picture takes.</summary>
    public int Rows { get; }

    /// <summary>Pictures that could move now.</summary>
    public int Waiting => _failure is null ? _waiting.Count : 0;

    /// <summary>Pictures that move now or could: as many threads may be of use to it.</summary>
    public int Unfinished => _failure is null ? _waiting.Count + _moving : 0;

    /// <summary>Whether nothing of it moves any more, and nothing will.</summary>
    public bool IsOver => _moving == 0 && Waiting == 0;

    public SamplingProgress Progress => new(_done, _total);

    public long LastCall { get; private set; }

    public Standing Standing => new((long)_total * Rows, (long)(_total - _done) * Rows, _waiting.Count, Rows, LastCall);

    /// <summary>Takes pictures along. The first ones first, so that they are finished, and their memory is free, soon.</summary>
    public List<RunningImage> Take(int count, long call)
    {
        var taken = _waiting.GetRange(0, count);
        _waiting.RemoveRange(0, count);
        (_moving, LastCall) = (_moving + count, call);
        return taken;
    }

    /// <summary>Pictures have moved a step; they are not back yet.</summary>
    public void Moved(int count) => _done += count;

    /// <summary>Pictures are back.</summary>
    public void GiveBack(List<RunningImage> images)
    {
        _moving -= images.Count;
        _waiting.InsertRange(0, images.Where(image => !image.IsDone));
    }

    /// <summary>It ends once nothing of it moves any more. The first reason counts.</summary>
    public void Fail(Exception reason) => _failure ??= reason;

    public void FailIfCancelled()
    {
        if (_failure is null && _cancellation.IsCancellationRequested)
            Fail(new OperationCanceledException(_cancellation));
    }

    /// <summary>Lets its caller go on.</summary>
    /// <param name="stepper">Forgets pictures that were begun; null where there is none.</param>
    public void End(Stepper? stepper)
    {
        foreach (var image in _waiting)
            stepper?.Drop(image);
        _waiting.Clear();
        if (_failure is null)
            _ended.TrySetResult();
        else
            _ended.TrySetException(_failure);
    }

    /// <summary>Turns pictures that have no step left into bytes.</summary>
    /// <param name="images">Of this request; nobody else has them.</param>
    /// <param name="stepper">Has their x.</param>
    /// <param name="sample">Room for one.</param>
    /// <exception cref="SamplingException">They are not numbers any more.</exception>
    public void Finish(IEnumerable<RunningImage> images, Stepper stepper, float[] sample)
    {
        foreach (var image in images.Where(image => image.IsDone))
        {
            stepper.Take(image, sample);
            if (!SpanMath.AreFinite(sample))
                throw new SamplingException("The pictures are not numbers any more: the model's weights, or its noise schedule, are not usable.");
            PixelRange.ToBytes(sample, _pictures.Pixels.AsSpan(image.Index * _pictures.ImageBytes, _pictures.ImageBytes));
        }
    }

    /// <summary>Finishes pictures whose runs have no steps at all.</summary>
    public void FinishStepless(Stepper stepper, float[] sample)
    {
        Finish(_waiting, stepper, sample);
        _waiting.RemoveAll(image => image.IsDone);
    }

    public void Report(SamplingProgress progress) => _progress?.Report(progress);

    /// <summary>Called by who asked.</summary>
    public PixelBatch Wait()
    {
        _ended.Task.GetAwaiter().GetResult(); // the loop looks at the token, and then lets its caller go
        return _pictures;
    }
}
