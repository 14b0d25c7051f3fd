using Ddpm.Engine.Sampling;
using Ddpm.TestSupport;
using Ddpm.Worker.Life;
using Ddpm.Worker.Sampling;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Tests.Sampling;

/// <summary>Who draws at once, and who waits, by what they need of memory.</summary>
public sealed class MemoryBudgetTests
{
    private const long MiB = 1024 * 1024;

    private readonly ShiftedClock _clock = new();
    private readonly MemoryBudget _budget;

    public MemoryBudgetTests()
    {
        var options = Options.Create(new WorkerOptions { Device = "cpu", MaxMemoryBytes = 100 * MiB });
        _budget = new MemoryBudget(new WorkerDevice(options), options, _clock);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Take_WaitsForOthers_WhereTogetherTheyNeedTooMuch()
    {
        var first = _budget.Take(Of(60), Cancellation);
        var second = TakeAsync(60);
        await Eventually.BecomesTrueAsync("it waits", () => _budget.Waiting == 1);
        Assert.Equal(60 * MiB, _budget.Taken);
        Assert.False(second.IsCompleted);

        first.Dispose();

        (await second).Dispose();
        Assert.Equal(0, _budget.Taken);
    }

    [Fact]
    public async Task Take_LetsSmallOnesPass_ButNotForEver()
    {
        var first = _budget.Take(Of(60), Cancellation);
        var large = TakeAsync(60);
        await Eventually.BecomesTrueAsync("it waits", () => _budget.Waiting == 1);
        var small = _budget.Take(Of(30), Cancellation);
        small.Dispose();

        _clock.Passed = TimeSpan.FromMinutes(1);
        var later = TakeAsync(30);
        await Eventually.BecomesTrueAsync("both wait", () => _budget.Waiting == 2);
        Assert.Equal(60 * MiB, _budget.Taken);
        first.Dispose();

        (await large).Dispose();
        (await later).Dispose();
    }

    [Fact]
    public async Task Take_GivesUp_WhenTheJobIsStopped_AndHindersNobody()
    {
        var first = _budget.Take(Of(60), Cancellation);
        using var stop = new CancellationTokenSource();
        var second = TakeAsync(60, stop.Token);
        await Eventually.BecomesTrueAsync("it waits", () => _budget.Waiting == 1);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        first.Dispose();
        Assert.Equal((0, 0), (_budget.Taken, _budget.Waiting));
        _budget.Take(Of(100), Cancellation).Dispose();
    }

    [Fact]
    public void Take_RefusesWhatNeverFits_AndNamesTheSetting()
    {
        var refused = Assert.Throws<JobFailedException>(() => _budget.Take(Of(101), Cancellation));

        Assert.Contains("need 101 MiB", refused.Message, StringComparison.Ordinal);
        Assert.Contains("100 MiB (Worker:MaxMemoryBytes)", refused.Message, StringComparison.Ordinal);
    }

    private static SamplingMemory Of(long mebibytes) => new(mebibytes * MiB, DeviceBytes: 0);

    // On a thread of its own, as a job's work is.
    private Task<IDisposable> TakeAsync(long mebibytes, CancellationToken? stop = null) =>
        Task.Factory.StartNew(() => _budget.Take(Of(mebibytes), stop ?? Cancellation), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
