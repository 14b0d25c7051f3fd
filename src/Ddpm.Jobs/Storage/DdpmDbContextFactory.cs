using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.Logging;

namespace Ddpm.Jobs.Storage;

/// <summary>Opens the database that the settings name.</summary>
public sealed class DdpmDbContextFactory : IDbContextFactory<DdpmDbContext>
{
    private readonly Func<DdpmDbContext> _create;
    private readonly Func<DdpmDbContext> _createForAccount;

    /// <summary>Connects nowhere yet.</summary>
    public DdpmDbContextFactory(StorageOptions storage, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(storage);
        if (storage.Provider == DatabaseProvider.Postgres)
        {
            _create = new PooledDbContextFactory<PostgresDdpmDbContext>(Finish(PostgresDdpmDbContext.Configure(storage.ConnectionString), loggers)).CreateDbContext;
            _createForAccount = new PooledDbContextFactory<PostgresAccountDbContext>(Finish(PostgresDdpmDbContext.Configure<PostgresAccountDbContext>(storage.ConnectionString), loggers)).CreateDbContext;
        }
        else
        {
            _create = new PooledDbContextFactory<SqliteDdpmDbContext>(Finish(SqliteDdpmDbContext.Configure(storage.ConnectionString), loggers)).CreateDbContext;
            _createForAccount = new PooledDbContextFactory<SqliteAccountDbContext>(Finish(SqliteDdpmDbContext.Configure<SqliteAccountDbContext>(storage.ConnectionString), loggers)).CreateDbContext;
        }
    }

    /// <summary>Everybody's rows.</summary>
    public DdpmDbContext CreateDbContext() => _create();

    /// <summary>The rows of one account, and the shared ones; everybody's for null.</summary>
    public DdpmDbContext CreateDbContext(string? onlyAccount)
    {
        if (onlyAccount is null)
            return _create();
        var context = _createForAccount();
        context.OnlyAccount = onlyAccount; // it comes from a pool, and may have been somebody else's
        return context;
    }

    // A command that fails throws, and whoever catches that knows whether it is an error: on an empty database EF asks for a table that is not there yet.
    private static DbContextOptions<TContext> Finish<TContext>(DbContextOptionsBuilder<TContext> options, ILoggerFactory loggers)
        where TContext : DbContext =>
        options.UseLoggerFactory(loggers).ConfigureWarnings(events => events.Log((RelationalEventId.CommandError, LogLevel.Debug))).Options;
}
