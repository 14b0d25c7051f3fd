using Ddpm.Jobs.Storage;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ddpm.Jobs.Tests.Storage;

/// <summary>Whoever asks whether a process is ready costs the database next to nothing.</summary>
public sealed class ReadinessTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ManualClock _clock = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Database_IsAskedOnceASecond_HoweverManyAsk()
    {
        await using var host = await JobsHost.StartAsync(JobsHost.Sqlite(_folder));
        var databases = new Databases(host.Get<IDbContextFactory<DdpmDbContext>>());
        var readiness = new Readiness(databases, _clock, NullLogger<Readiness>.Instance);

        Assert.All(await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => readiness.WhatIsMissingAsync(Cancellation))), Assert.Null);
        _clock.Seconds = 0.9;
        Assert.Null(await readiness.WhatIsMissingAsync(Cancellation));
        Assert.Equal(1, databases.Asked);

        _clock.Seconds = 1;
        Assert.Null(await readiness.WhatIsMissingAsync(Cancellation));
        Assert.Equal(2, databases.Asked);
    }

    [Fact]
    public async Task Database_ThatIsAway_IsSaidToBe_UntilItIsBack()
    {
        await using var host = await JobsHost.StartAsync(JobsHost.Sqlite(_folder));
        var databases = new Databases(host.Get<IDbContextFactory<DdpmDbContext>>()) { AreAway = true };
        var readiness = new Readiness(databases, _clock, NullLogger<Readiness>.Instance);

        Assert.Contains("does not answer", await readiness.WhatIsMissingAsync(Cancellation), StringComparison.Ordinal);
        (databases.AreAway, _clock.Seconds) = (false, 1);
        Assert.Null(await readiness.WhatIsMissingAsync(Cancellation));
    }

    public void Dispose() => _folder.Dispose();

    private sealed class Databases(IDbContextFactory<DdpmDbContext> others) : IDbContextFactory<DdpmDbContext>
    {
        private int _asked;

        public int Asked => _asked;

        public bool AreAway { get; set; }

        public DdpmDbContext CreateDbContext()
        {
            Interlocked.Increment(ref _asked);
            return AreAway ? throw new InvalidOperationException("away") : others.CreateDbContext();
        }
    }

    private sealed class ManualClock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => TimeSpan.FromSeconds(Seconds).Ticks;
    }
}
