using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Ddpm.Jobs.Storage;

/// <summary>The tables in a SQLite file.</summary>
public class SqliteDdpmDbContext(DbContextOptions options) : DdpmDbContext(options)
{
    /// <inheritdoc/>
    protected override string JsonType => "TEXT";

    internal static DbContextOptionsBuilder<SqliteDdpmDbContext> Configure(string connectionString) => Configure<SqliteDdpmDbContext>(connectionString);

    internal static DbContextOptionsBuilder<TContext> Configure<TContext>(string connectionString)
        where TContext : SqliteDdpmDbContext => new DbContextOptionsBuilder<TContext>().UseSqlite(connectionString).AddInterceptors(new ConnectionSetup());

    // Readers and the one writer do not wait for each other under WAL; writers wait for each other inside SQLite.
    private sealed class ConnectionSetup : DbConnectionInterceptor
    {
        private const string Pragmas = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;";

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) => Execute(connection);

        public override Task ConnectionOpenedAsync(
            DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            Execute(connection);
            return Task.CompletedTask;
        }

        private static void Execute(DbConnection connection)
        {
            using var command = connection.CreateCommand();
            command.CommandText = Pragmas;
            command.ExecuteNonQuery();
        }
    }

    // For `dotnet ef migrations add`, which never connects.
    private sealed class DesignTimeFactory : IDesignTimeDbContextFactory<SqliteDdpmDbContext>
    {
        public SqliteDdpmDbContext CreateDbContext(string[] args) => new(Configure("Data Source=:memory:").Options);
    }
}

/// <summary>The rows of one account in a SQLite file.</summary>
internal sealed class SqliteAccountDbContext(DbContextOptions<SqliteAccountDbContext> options) : SqliteDdpmDbContext(options)
{
    private protected override bool ShowsOneAccount => true;
}
