using System.Diagnostics;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling.Steps;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>The denoising loop of a loaded model. All requests for it go through this one: between any two network calls pictures of new requests join, and those
/// that are finished, cancelled or have failed leave. Which pictures share a call is <see cref="Admission"/>'s to say, and changes none of them.</summary>
/// <remarks>Its thread lives as long as there are requests, so it needs no disposal.</remarks>
/// <param name="network">Asked. Borrowed: it must live until the last request has ended.</param>
/// <param name="height">Rows of a picture.</param>
/// <param name="width">Columns of a picture.</param>
/// <param name="yields">Whether it leaves half of the device's time to training runs there.</param>
internal sealed class SharedLoop(StepNetwork network, int height, int width, bool yields)
{
    private readonly Lock _lock = new();
    private readonly List<Drawing> _arrived = [];
    private bool _runs;
    private int _requests;
    private CallCosts? _costs;
    private long _calls;

    /// <summary>Network calls made so far; where pictures do not share them, rounds of calls.</summary>
    public long Calls => Volatile.Read(ref _calls);

    /// <summary>Requests that have come and not ended.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Draws pictures, together with whoever else asks.</summary>
    /// <param name="images">At least one; all with the same guidance.</param>
    /// <param name="threads">Pictures side by side on a CPU where they do not share calls.</param>
    /// <param name="progress">Told on the loop's thread after each call with a picture of it. Must be quick; what it throws ends this request.</param>
    /// <param name="trajectory">Begun, or null.</param>
    /// <param name="cancellationToken">Looked at between calls.</param>
    public PixelBatch Draw(
        IReadOnlyList<ImageToDraw> images, int threads, IProgress<SamplingProgress>? progress, Trajectory? trajectory, CancellationToken cancellationToken)
    {
        var pictures = new PixelBatch(new byte[images.Count * network.Channels * height * width], images.Count, network.Channels, height, width);
        var drawing = new Drawing(images, pictures, threads, progress, trajectory, cancellationToken);
        lock (_lock)
        {
            if (!_runs)
                new Thread(Loop) { IsBackground = true, Name = "denoising loop" }.Start();
            _runs = true;
            _arrived.Add(drawing);
            _requests++;
        }

        try
        {
            return drawing.Wait();
        }
        finally
        {
            lock (_lock)
                _requests--;
        }
    }

    private void Loop()
    {
        var active = new List<Drawing>();
        try
        {
            using var calls = new StepCalls(network, height, width);
            var mostRows = 1;
            while (Arrivals(active, ref mostRows))
            {
                Leave(active, calls.Stepper);
                if (active.Count > 0)
                    Call(active, calls, mostRows);
                Leave(active, calls.Stepper);
            }
        }
#pragma warning disable CA1031 // Those who wait must hear of it.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            lock (_lock)
            {
                active.AddRange(_arrived);
                _arrived.Clear();
                _runs = false;
            }

            active.ForEach(drawing => drawing.End(fault));
        }
    }

    // False where nobody wants anything: then this thread ends, and the next request begins another.
    private bool Arrivals(List<Drawing> active, ref int mostRows)
    {
        lock (_lock)
        {
            if (_arrived.Count > 0)
            {
                active.AddRange(_arrived);
                _arrived.Clear();
                mostRows = CallMemory.MostRows(network);
            }

            return _runs = active.Count > 0;
        }
    }

    private static void Leave(List<Drawing> active, Stepper stepper)
    {
        foreach (var drawing in active)
        {
            Guard(drawing, stepper, () => drawing.Settle(stepper)); // a run of no steps is done before it begins
            if (drawing.IsFinished)
                drawing.End(failure: null);
            else if (drawing.IsCancelled)
                drawing.EndCancelled(stepper);
        }

        active.RemoveAll(drawing => drawing.HasEnded);
    }

    private void Call(List<Drawing> active, StepCalls calls, int mostRows)
    {
        var lanes = active.Max(drawing => drawing.Threads);
        _costs ??= StepCalls.HasLanes(network) ? CallCosts.OfLanes(lanes) : network.IsOnHost ? CallCosts.OfHost() : CallCosts.OfDevice();
        var share = Admission.Share([.. active.Select(drawing => drawing.Standing)], _costs, mostRows);
        List<RunningImage> images = [.. active.SelectMany((drawing, index) => drawing.Next(share[index]))];
        var rows = active.Select((drawing, index) => share[index] * drawing.Rows).Sum();

        var began = Stopwatch.GetTimestamp();
        var faults = calls.Advance(images, lanes);
        var duration = Stopwatch.GetElapsedTime(began);
        Volatile.Write(ref _calls, _calls + 1);
        if (faults.Count == 0)
            _costs.Learn(rows, duration);

        var first = 0;
        for (var index = 0; index < active.Count; first += share[index++])
            Moved(active[index], images.GetRange(first, share[index]), faults, calls.Stepper);
        if (yields)
            DeviceUse.RestAfter(duration, network.Device);
    }

    private void Moved(Drawing drawing, List<RunningImage> images, IReadOnlyList<(RunningImage Image, Exception Fault)> faults, Stepper stepper)
    {
        if (images.Count == 0)
            return;
        if (faults.FirstOrDefault(fault => images.Contains(fault.Image)).Fault is { } reason)
            drawing.End(reason, stepper);
        else
            Guard(drawing, stepper, () => drawing.Moved(images.Count, _calls, stepper));
    }

    private static void Guard(Drawing drawing, Stepper stepper, Action action)
    {
        try
        {
            action();
        }
#pragma warning disable CA1031 // Its caller hears of it; the others go on.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            drawing.End(fault, stepper);
        }
    }
}
