using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Npgsql;

namespace Ddpm.Jobs.Storage;

/// <summary>The tables in a PostgreSQL database.</summary>
public class PostgresDdpmDbContext(DbContextOptions options) : DdpmDbContext(options)
{
    /// <inheritdoc/>
    protected override string JsonType => "jsonb";

    /// <inheritdoc/>
    protected override IQueryable<DateTime>? OwnClock => Database.SqlQuery<DateTime>($"""SELECT clock_timestamp() AS "Value" """);

    /// <inheritdoc/>
    protected override Task HoldAsync(Guid[] checkpoints, CancellationToken cancellationToken) =>
        Database.ExecuteSqlAsync($"""SELECT 1 FROM "Checkpoints" WHERE "Id" = ANY ({checkpoints}) ORDER BY "Id" FOR SHARE""", cancellationToken);

    internal static DbContextOptionsBuilder<PostgresDdpmDbContext> Configure(string connectionString) => Configure<PostgresDdpmDbContext>(connectionString);

    internal static DbContextOptionsBuilder<TContext> Configure<TContext>(string connectionString)
        where TContext : PostgresDdpmDbContext => new DbContextOptionsBuilder<TContext>().UseNpgsql(Prepared(connectionString).ConnectionString);

    /// <summary>
    /// Statements that come again and again are planned once a connection: ours take the server longer to plan than to run. And a connection that is given back is not
    /// reset, which takes seven statements: nobody who uses these leaves anything behind that outlives a transaction. Of a process that is stopped, or cut off, in the middle of one, the server
    /// ends the connection soon: until then nobody could change the rows that it holds, nor take its jobs back.
    /// </summary>
    internal static NpgsqlConnectionStringBuilder Prepared(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        if (settings.MaxAutoPrepare == 0)
            settings.MaxAutoPrepare = 64;
        settings.NoResetOnClose = true;
        settings.Options = $"-c idle_in_transaction_session_timeout=10s {settings.Options ?? Environment.GetEnvironmentVariable("PGOPTIONS")}".Trim(); // which hides the variable from Npgsql
        return settings;
    }

    // For `dotnet ef migrations add`, which never connects.
    private sealed class DesignTimeFactory : IDesignTimeDbContextFactory<PostgresDdpmDbContext>
    {
        public PostgresDdpmDbContext CreateDbContext(string[] args) => new(Configure("Host=localhost").Options);
    }
}

/// <summary>The rows of one account in a PostgreSQL database.</summary>
internal sealed class PostgresAccountDbContext(DbContextOptions<PostgresAccountDbContext> options) : PostgresDdpmDbContext(options)
{
    private protected override bool ShowsOneAccount => true;
}
