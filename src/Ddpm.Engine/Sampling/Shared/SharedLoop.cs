using System.Diagnostics;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling.Steps;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>The denoising loop of a loaded model. All requests for it go through this one: between any two network calls pictures of new requests join, and those
/// that are finished, cancelled or have failed leave. Which pictures share a call is <see cref="Admission"/>'s to say, and changes none of them.</summary>
/// <remarks>
/// Its threads live as long as there is something to do, so it needs no disposal. One makes calls of many pictures, where that changes no picture. ATen's CPU kernels
/// round differently at different batch sizes, so that a picture alone and the same picture among 16 would differ in the last bits: there calls are of one
/// picture and one thread each, and several threads make them side by side, which is the faster way for small networks too.
/// </remarks>
/// <param name="network">Asked. Borrowed: it must live until the last request has ended.</param>
/// <param name="height">Rows of a picture.</param>
/// <param name="width">Columns of a picture.</param>
/// <param name="yields">Whether it makes way for training runs there: see <see cref="TrainingBreaks"/>.</param>
internal sealed class SharedLoop(StepNetwork network, int height, int width, bool yields)
{
    private readonly TrainingBreaks _breaks = new(network.Device);
    private readonly Lock _lock = new();
    private readonly List<Drawing> _drawings = [];
    private readonly CallCosts _costs = network.IsOnHost ? CallCosts.OfHost() : CallCosts.OfDevice();
    private readonly bool _callsAreOfOne = network.IsOnHost && !network.IsBatchInvariant;
    private int _mostRows = 1;
    private int _threads;
    private long _calls;

    /// <summary>Calls begun so far.</summary>
    public long Calls => Volatile.Read(ref _calls);

    /// <summary>Requests that have come and not ended.</summary>
    public int Requests
    {
        get
        {
            lock (_lock)
                return _drawings.Count;
        }
    }

    private int Elements => network.Channels * height * width;

    /// <summary>Draws pictures, together with whoever else asks.</summary>
    /// <param name="images">At least one; all with the same guidance.</param>
    /// <param name="threads">Pictures side by side on a CPU where they do not share calls.</param>
    /// <param name="progress">Told on a thread of the loop after each call with a picture of it. Must be quick; what it throws ends this request.</param>
    /// <param name="trajectory">Begun, or null.</param>
    /// <param name="cancellationToken">Looked at between calls.</param>
    public PixelBatch Draw(
        IReadOnlyList<ImageToDraw> images, int threads, IProgress<SamplingProgress>? progress, Trajectory? trajectory, CancellationToken cancellationToken)
    {
        var pictures = new PixelBatch(new byte[images.Count * Elements], images.Count, network.Channels, height, width);
        var drawing = new Drawing(images, pictures, threads, progress, trajectory, cancellationToken);
        if (images.Any(image => image.Plan.Steps.Count == 0))
        {
            using var stepper = Stepper.For(network, height, width);
            drawing.FinishStepless(stepper, new float[Elements]);
            if (drawing.IsOver)
                return pictures;
        }

        var mostRows = _callsAreOfOne ? 1 : CallMemory.MostRows(network);
        lock (_lock)
        {
            _mostRows = mostRows;
            _drawings.Add(drawing);
            for (var wanted = _callsAreOfOne ? Math.Min(_drawings.Max(other => other.Threads), _drawings.Sum(other => other.Unfinished)) : 1; _threads < wanted; _threads++)
                new Thread(Loop) { IsBackground = true, Name = "denoising loop" }.UnsafeStart(); // of all requests, so with nothing of the first one's context
        }

        return drawing.Wait();
    }

    private void Loop()
    {
        var (isCounted, call) = (true, default(Call));
        try
        {
            if (_callsAreOfOne)
                set_num_threads(1); // counts for this thread's OpenMP regions only
            using var calls = new StepCalls(network, height, width);
            var sample = new float[Elements];
            while ((call = Next(calls)) is not null)
            {
                var duration = Make(call, calls, sample);
                if (yields)
                    Thread.Sleep(_breaks.After(duration));
            }

            isCounted = false;
        }
#pragma warning disable CA1031 // Those who wait must hear of it.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            if (isCounted) // otherwise nobody waits for this thread any more
                Leave(fault, call);
        }
    }

    // Pictures that other threads move keep their requests until they are back there.
    private void Leave(Exception fault, Call? call)
    {
        lock (_lock)
        {
            _threads--;
            call?.GiveBack();
            _drawings.ForEach(drawing => drawing.Fail(fault));
            EndThoseThatAreOver(stepper: null);
        }
    }

    /// <summary>A network call to make: pictures, by request.</summary>
    private sealed record Call(List<(Drawing Drawing, List<RunningImage> Images)> Parts, int Rows)
    {
        /// <summary>Pictures go back to their requests, once.</summary>
        public void GiveBack()
        {
            Parts.ForEach(part => part.Drawing.GiveBack(part.Images));
            Parts.Clear();
        }
    }

    // Null where nothing waits: then this thread ends, and the next request begins another.
    private Call? Next(StepCalls calls)
    {
        lock (_lock)
        {
            _drawings.ForEach(drawing => drawing.FailIfCancelled());
            EndThoseThatAreOver(calls.Stepper);
            var waiting = _drawings.Where(drawing => drawing.Waiting > 0).ToList();
            if (waiting.Count == 0)
            {
                _threads--;
                return null;
            }

            var share = Admission.Share([.. waiting.Select(drawing => drawing.Standing)], _costs, Math.Min(_mostRows, calls.MostPictures));
            Volatile.Write(ref _calls, _calls + 1);
            var call = new Call([], waiting.Select((drawing, index) => share[index] * drawing.Rows).Sum());
            for (var index = 0; index < waiting.Count; index++)
                if (share[index] > 0)
                    call.Parts.Add((waiting[index], waiting[index].Take(share[index], _calls)));
            return call;
        }
    }

    private TimeSpan Make(Call call, StepCalls calls, float[] sample)
    {
        var began = Stopwatch.GetTimestamp();
        var faults = calls.Advance([.. call.Parts.SelectMany(part => part.Images)]);
        var duration = Stopwatch.GetElapsedTime(began);
        foreach (var (drawing, images) in call.Parts)
        {
            if (images.Find(faults.ContainsKey) is { } failed)
                Fail(drawing, faults[failed]);
            else
                Guard(drawing, () => drawing.Finish(images, calls.Stepper, sample));
        }

        List<(Drawing Drawing, SamplingProgress Progress)> reports = [];
        lock (_lock)
        {
            if (faults.Count == 0)
                _costs.Learn(call.Rows, duration);
            foreach (var (drawing, images) in call.Parts)
            {
                drawing.Moved(images.Count);
                reports.Add((drawing, drawing.Progress));
            }
        }

        // Without the lock, since what hears of them is foreign; and before the pictures are back, so that none comes after the request's end.
        reports.ForEach(report => Guard(report.Drawing, () => report.Drawing.Report(report.Progress)));
        lock (_lock)
        {
            call.GiveBack();
            EndThoseThatAreOver(calls.Stepper);
        }

        return duration;
    }

    private void EndThoseThatAreOver(Stepper? stepper)
    {
        foreach (var drawing in _drawings.Where(drawing => drawing.IsOver))
            drawing.End(stepper);
        _drawings.RemoveAll(drawing => drawing.IsOver);
    }

    private void Guard(Drawing drawing, Action action)
    {
        try
        {
            action();
        }
#pragma warning disable CA1031 // Its caller hears of it; the others go on.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            Fail(drawing, fault);
        }
    }

    private void Fail(Drawing drawing, Exception fault)
    {
        lock (_lock)
            drawing.Fail(fault);
    }
}
