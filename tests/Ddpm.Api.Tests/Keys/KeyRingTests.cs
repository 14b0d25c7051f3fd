using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Storage;
using Ddpm.TestSupport;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ddpm.Api.Tests.Keys;

public sealed class KeyRingTests(ApiHost host) : IClassFixture<ApiHost>
{
    // So that Prometheus reads from /metrics that the database is away, instead of being turned away itself.
    [Fact]
    public async Task FindAsync_GoesByWhatWasKnown_WhileTheDatabaseIsAway_AndGuessesNothing()
    {
        var cancel = TestContext.Current.CancellationToken;
        var (clock, databases) = (new ShiftedClock(), new Databases(host.Services.GetRequiredService<IDbContextFactory<DdpmDbContext>>()));
        using var ring = new KeyRing(databases, clock, NullLogger<KeyRing>.Instance);
        var known = await host.KeyAsync("alice", ApiRole.Admin);
        Assert.Equal("alice", (await ring.FindAsync(known.Value, cancel))?.Account);
        var unknown = (await host.KeyAsync("bob", ApiRole.Admin)).Value;

        databases.AreAway = true;
        clock.Passed = TimeSpan.FromMinutes(5);
        Assert.Equal("alice", (await ring.FindAsync(known.Value, cancel))?.Account);
        Assert.True(await ring.HasKeysAsync(cancel));
        await Assert.ThrowsAsync<SqliteException>(() => ring.FindAsync(unknown, cancel)); // 503: it may have been made since
        await Assert.ThrowsAsync<SqliteException>(() => ring.HasActiveKeysAsync(cancel));

        databases.AreAway = false;
        clock.Passed = TimeSpan.FromMinutes(6);
        Assert.Equal("bob", (await ring.FindAsync(unknown, cancel))?.Account);
    }

    private sealed class Databases(IDbContextFactory<DdpmDbContext> there) : IDbContextFactory<DdpmDbContext>
    {
        public bool AreAway { get; set; }

        public DdpmDbContext CreateDbContext() => AreAway ? throw new SqliteException("The database is away.", 5) : there.CreateDbContext();
    }
}
