using Ddpm.Engine.Networks.Cuda;
using Ddpm.Engine.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Networks.Cuda;

public sealed class RecordedCallsTests : IDisposable
{
    private readonly DisposeScope _scope;
    private readonly List<string> _events = [];

    public RecordedCallsTests()
    {
        TorchRuntime.Initialize();
        _scope = NewDisposeScope();
    }

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Call_RepeatsARecording_OnceAShapeHasComeAgainAndAgain()
    {
        using var calls = new RecordedCalls(Network, Record);
        for (var n = 0; n < 5; n++)
            Assert.Equal(2 * n + 1, Ask(calls, batch: 3, value: n));
        Assert.Equal(["asked 3", "asked 3", "asked 3", "recorded 3", "replayed 3", "replayed 3", "replayed 3"], _events);
    }

    [Fact]
    public void Call_KeepsShapesApart()
    {
        using var calls = new RecordedCalls(Network, Record);
        for (var n = 0; n < 4; n++)
        {
            Assert.Equal(2 * n + 1, Ask(calls, batch: 2, value: n));
            Assert.Equal(2 * n + 1, Ask(calls, batch: 5, value: n));
        }
        Assert.Equal(2, calls.Count);
    }

    [Fact]
    public void Call_NeverRecordsLargeBatches()
    {
        using var calls = new RecordedCalls(Network, Record);
        for (var n = 0; n < 5; n++)
            Ask(calls, RecordedCalls.LargestBatch + 1, n);
        Assert.DoesNotContain(_events, line => line.StartsWith("recorded", StringComparison.Ordinal));
    }

    [Fact]
    public void Call_LetsTheOldestRecordingGo_WhenThereAreTooMany()
    {
        using var calls = new RecordedCalls(Network, Record);
        for (var batch = 1; batch <= RecordedCalls.MostRecordings + 1; batch++)
            for (var n = 0; n <= RecordedCalls.CallsBeforeRecording; n++)
                Ask(calls, batch, n);
        Assert.Equal(RecordedCalls.MostRecordings, calls.Count);
        Assert.Single(_events, "disposed 1");
    }

    [Fact]
    public void Call_GoesTheUsualWay_WhenRecordingFails()
    {
        using var calls = new RecordedCalls(Network, (_, _, _, _) => throw new CudaGraphException("no such thing"));
        for (var n = 0; n < 5; n++)
            Assert.Equal(2 * n + 1, Ask(calls, batch: 1, value: n));
        Assert.Equal("no such thing", calls.Obstacle);
    }

    [Fact]
    public void Call_DropsARecording_ThatAnswersWrongly()
    {
        using var calls = new RecordedCalls(Network, (network, sample, timesteps, labels) => new Recording(this, Network, sample.shape[0], wrong: true));
        for (var n = 0; n < 5; n++)
            Assert.Equal(2 * n + 1, Ask(calls, batch: 1, value: n));
        Assert.StartsWith("the recorded call is off by", calls.Obstacle, StringComparison.Ordinal);
        Assert.Contains("disposed 1", _events);
    }

    [Fact]
    public void Call_KeepsNoRecording_ThatWasNeverCompared()
    {
        var outOfMemory = true;
        using var calls = new RecordedCalls(Network, (network, sample, timesteps, labels) => new Recording(
            this, (x, t, _) => outOfMemory ? throw new InvalidOperationException("out of memory") : Network(x, t, null), sample.shape[0]));
        for (var n = 0; n < RecordedCalls.CallsBeforeRecording; n++)
            Ask(calls, batch: 1, value: n);
        Assert.Throws<InvalidOperationException>(() => Ask(calls, batch: 1, value: 1));
        Assert.Equal(0, calls.Count);
        Assert.Single(_events, "disposed 1");

        outOfMemory = false;
        Assert.Equal(7, Ask(calls, batch: 1, value: 3));
        Assert.Equal(1, calls.Count);
        Assert.Null(calls.Obstacle);
    }

    [Fact]
    public void Record_SaysWhy_WhereLibtorchHasNoCuda()
    {
        Assert.SkipWhen(cuda.is_available(), "There is a GPU.");
        Assert.Throws<CudaGraphException>(() => CudaGraph.Record(Network, zeros(1, 3, 8, 8), zeros(1), null));
    }

    private static float Ask(RecordedCalls calls, int batch, int value)
    {
        using var output = calls.Call(full([batch, 1, 2, 2], (float)value), full([batch], 1f), null);
        Assert.Equal([batch, 1, 2, 2], output.shape);
        return output.mean().item<float>();
    }

    private Tensor Network(Tensor sample, Tensor timesteps, Tensor? labels)
    {
        _events.Add($"asked {sample.shape[0]}");
        return 2 * sample + timesteps.view(-1, 1, 1, 1);
    }

    private Recording Record(Denoiser network, Tensor sample, Tensor timesteps, Tensor? labels)
    {
        _events.Add($"recorded {sample.shape[0]}");
        return new Recording(this, (x, t, _) => 2 * x + t.view(-1, 1, 1, 1), sample.shape[0]);
    }

    private sealed class Recording(RecordedCallsTests test, Denoiser answer, long batch, bool wrong = false) : IRecordedCall
    {
        public Tensor Replay(Tensor sample, Tensor timesteps, Tensor? classLabels)
        {
            test._events.Add($"replayed {batch}");
            return answer(sample, timesteps, classLabels) + (wrong ? 1 : 0);
        }

        public void Dispose() => test._events.Add($"disposed {batch}");
    }
}
