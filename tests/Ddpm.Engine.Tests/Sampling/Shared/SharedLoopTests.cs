using System.Collections.Concurrent;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Shared;
using Ddpm.Engine.Sampling.Steps;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Sampling.Shared;

/// <summary>The loop with a formula in place of a network: elementwise, and so the same in a call of any size.</summary>
public sealed class SharedLoopTests
{
    private const int Side = 8;
    private static readonly NoiseScheduleConfig _schedule = new();
    private readonly ConcurrentBag<long> _calls = [];
    private Action<long> _beforeCall = _ => { };

    public SharedLoopTests() => TorchRuntime.Initialize();

    [Fact]
    public async Task Draw_LetsRequestsJoinMidWay_AndChangesNoPicture()
    {
        var loop = Loop();
        var requests = Enum.GetValues<SamplerKind>().Select((kind, index) => Images(kind, steps: 8 + index, pictures: 1 + (index % 3), seed: (ulong)index)).ToList();
        var alone = requests.Select(images => Draw(Loop(), images)).ToList();
        var others = new List<Task<PixelBatch>>();
        _calls.Clear();

        var first = await Run(() => Draw(loop, requests[0], new Steps(step =>
        {
            // Each of the first one's early steps brings another request along.
            if (others.Count < requests.Count - 1)
            {
                var next = requests[others.Count + 1];
                others.Add(Run(() => Draw(loop, next)));
            }
        })));

        var together = new List<PixelBatch> { first };
        together.AddRange(await Task.WhenAll(others));
        Assert.Equal(alone.Select(batch => batch.Pixels), together.Select(batch => batch.Pixels));
    }

    [Fact]
    public async Task Draw_SharesCallsBetweenRequests()
    {
        var loop = Loop();
        using var bothAreThere = new ManualResetEventSlim();
        _beforeCall = _ => bothAreThere.Wait(Cancellation);
        var requests = Enumerable.Range(0, 5).Select(seed => Run(() => Draw(loop, Images(SamplerKind.Ddim, 6, 1, (ulong)seed)))).ToList();
        Eventually(() => loop.Requests == 5);
        bothAreThere.Set();
        await Task.WhenAll(requests);

        Assert.Contains(_calls, rows => rows >= 2);
        Assert.True(loop.Calls < 5 * 6);
        Assert.Equal(5 * 6, _calls.Sum());
    }

    [Fact]
    public async Task ASmallRequest_MovesWithEveryCall_WhileALargeOneRuns()
    {
        var loop = Loop();
        using var stop = new CancellationTokenSource();
        using var begun = new ManualResetEventSlim();
        var large = Run(() => Draw(loop, Images(SamplerKind.Ddpm, 1000, 16, 1), new Steps(_ => begun.Set()), stop.Token));
        begun.Wait(Cancellation);

        var calls = new List<long>();
        await Run(() => Draw(loop, Images(SamplerKind.Ddim, 20, 1, 2), new Steps(_ => calls.Add(loop.Calls))));

        Assert.Equal(20, calls.Count);
        Assert.Equal(calls[0] + 19, calls[^1]);
        Assert.False(large.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
    }

    [Fact]
    public async Task Cancelling_TakesEffectAtTheNextStep_AndLeavesTheOthersAlone()
    {
        var loop = Loop();
        using var stop = new CancellationTokenSource();
        var reports = 0;
        var kept = Images(SamplerKind.DpmSolver, 30, 3, 4);
        var other = Task.FromResult<PixelBatch>(null!);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Run(() => Draw(loop, Images(SamplerKind.Ddpm, 500, 2, 3), new Steps(_ =>
        {
            if (++reports == 1)
                other = Run(() => Draw(loop, kept));
            if (reports == 5)
                stop.Cancel();
        }), stop.Token)));

        Assert.Equal(5, reports);
        Assert.Equal(Draw(Loop(), kept).Pixels, (await other).Pixels);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task OneThatFails_DoesNotFailTheOthers(bool invariant)
    {
        var loop = Loop(invariant, poison: 777);
        var good = Images(SamplerKind.Ddim, 20, 2, 5);
        var (bad, notNumbers) = (Images([900, 777, 100], 2), Images([900, 500, 100], 2));
        notNumbers[1] = notNumbers[1] with { Start = [.. Enumerable.Repeat(float.NaN, 3 * Side * Side)] };
        using var allAreThere = new ManualResetEventSlim();
        _beforeCall = _ => allAreThere.Wait(Cancellation);

        var fine = Run(() => Draw(loop, good));
        Task<PixelBatch>[] failing = [Run(() => Draw(loop, bad)), Run(() => Draw(loop, notNumbers)), Run(() => Draw(loop, good, new Steps(_ => throw new InvalidOperationException("progress"))))];
        Eventually(() => loop.Requests == 4);
        allAreThere.Set();

        Assert.Contains("poison", (await Assert.ThrowsAsync<NotSupportedException>(() => failing[0])).Message);
        Assert.Contains("not numbers", (await Assert.ThrowsAsync<SamplingException>(() => failing[1])).Message);
        Assert.Contains("progress", (await Assert.ThrowsAsync<InvalidOperationException>(() => failing[2])).Message);
        Assert.Equal(Draw(Loop(), good).Pixels, (await fine).Pixels);
    }

    [Fact]
    public async Task RequestsThatShareNoCalls_AreDrawnSideBySide()
    {
        const int Requests = 4;
        var loop = Loop(invariant: false);
        var inFlight = 0;
        using var allAreInFlight = new ManualResetEventSlim();
        _beforeCall = _ =>
        {
            Interlocked.Increment(ref inFlight);
            allAreInFlight.Wait(Cancellation);
        };
        var requests = new List<Task<PixelBatch>>();
        for (var seed = 0; seed < Requests; seed++)
        {
            var images = Images(SamplerKind.Ddim, 6, 1, (ulong)seed);
            requests.Add(Run(() => loop.Draw(images, threads: Requests, progress: null, trajectory: null, Cancellation)));
            Eventually(() => Volatile.Read(ref inFlight) == requests.Count); // while all pictures of the others are in calls
        }

        allAreInFlight.Set();
        var drawn = await Task.WhenAll(requests);
        Assert.Equal(Requests, drawn.Select(batch => Convert.ToHexString(batch.Pixels)).Distinct().Count());
        Assert.Equal(Requests * 6, loop.Calls);
    }

    [Fact]
    public void Draw_GivesBackTheStart_WhereARunHasNoSteps()
    {
        var image = Images(SamplerKind.Ddim, 4, 1, 0)[0];
        var start = Enumerable.Range(0, 3 * Side * Side).Select(at => ((at % 256) / 127.5f) - 1).ToArray();
        var drawn = Draw(Loop(), [image with { Plan = SamplingPlan.For(_schedule, new SamplerConfig(), strength: 0), Start = start }]);
        Assert.Equal(Enumerable.Range(0, 3 * Side * Side).Select(at => (byte)(at % 256)), drawn.Pixels);
    }

    [Fact]
    public async Task Draw_AsksNoMoreAtOnce_ThanMemoryAllows()
    {
        var loop = new SharedLoop(Network(invariant: true, poison: -1) with { CallBytes = rows => rows > 2 ? long.MaxValue : 1 }, Side, Side, yields: false);
        await Run(() => Draw(loop, Images(SamplerKind.Ddim, 5, 7, 1)));
        Assert.InRange(_calls.Max(), 1, 2);
    }

    [Fact]
    public async Task Draw_TriesFewerAtOnce_WhereMemoryIsShortAfterAll()
    {
        var expected = Draw(Loop(), Images(SamplerKind.Ddim, 5, 7, 1));
        var failures = 0;
        _beforeCall = rows =>
        {
            if (rows <= 2)
                return;
            failures++;
            throw new InvalidOperationException("not enough memory");
        };
        Assert.Equal(expected.Pixels, (await Run(() => Draw(Loop(), Images(SamplerKind.Ddim, 5, 7, 1)))).Pixels);
        Assert.InRange(failures, 1, 3); // once it is known, no call is too large
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private SharedLoop Loop(bool invariant = true, double poison = -1) => new(Network(invariant, poison), Side, Side, yields: false);

    private StepNetwork Network(bool invariant, double poison) => new(
        (sample, timesteps, _) =>
        {
            _beforeCall(sample.shape[0]);
            _calls.Add(sample.shape[0]);
            if (timesteps.eq(poison).any().item<bool>())
                throw new NotSupportedException("poison");
            return (sample * 0.7f) + (0.1f * sample * (timesteps / 1000).view(-1, 1, 1, 1));
        },
        3,
        CPU)
    { IsBatchInvariant = invariant };

    private static ImageToDraw[] Images(SamplerKind kind, int steps, int pictures, ulong seed)
    {
        var plan = SamplingPlan.For(_schedule, new SamplerConfig { Kind = kind, Steps = steps });
        return [.. Enumerable.Range(0, pictures).Select(index => new ImageToDraw(plan, seed, (uint)index))];
    }

    private static ImageToDraw[] Images(int[] timesteps, int pictures)
    {
        var plan = SamplingPlan.For(_schedule, new SamplerConfig { Timesteps = timesteps });
        return [.. Enumerable.Range(0, pictures).Select(index => new ImageToDraw(plan, 9, (uint)index))];
    }

    private static PixelBatch Draw(SharedLoop loop, IReadOnlyList<ImageToDraw> images, IProgress<SamplingProgress>? progress = null, CancellationToken? stop = null) =>
        loop.Draw(images, threads: 2, progress, trajectory: null, stop ?? Cancellation);

    private static Task<PixelBatch> Run(Func<PixelBatch> draw) => Task.Factory.StartNew(draw, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static void Eventually(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)));

    private sealed class Steps(Action<SamplingProgress> report) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) => report(value);
    }
}
