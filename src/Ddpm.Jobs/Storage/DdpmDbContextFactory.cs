using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.Logging;

namespace Ddpm.Jobs.Storage;

/// <summary>Opens the database that the settings name.</summary>
internal sealed class DdpmDbContextFactory : IDbContextFactory<DdpmDbContext>
{
    private readonly Func<DdpmDbContext> _create;

    public DdpmDbContextFactory(StorageOptions storage, ILoggerFactory loggers)
    {
        if (storage.Provider == DatabaseProvider.Postgres)
        {
            var options = PostgresDdpmDbContext.Configure(storage.ConnectionString).UseLoggerFactory(loggers).ConfigureWarnings(Quieten).Options;
            _create = new PooledDbContextFactory<PostgresDdpmDbContext>(options).CreateDbContext;
        }
        else
        {
            var options = SqliteDdpmDbContext.Configure(storage.ConnectionString).UseLoggerFactory(loggers).ConfigureWarnings(Quieten).Options;
            _create = new PooledDbContextFactory<SqliteDdpmDbContext>(options).CreateDbContext;
        }
    }

    public DdpmDbContext CreateDbContext()
    {
        var context = _create();
        context.OnlyAccount = null; // it may come from a pool, and have been somebody's
        return context;
    }

    // A command that fails throws, and whoever catches that knows whether it is an error: on an empty database EF asks for a table that is not there yet.
    private static void Quieten(WarningsConfigurationBuilder events) => events.Log((RelationalEventId.CommandError, LogLevel.Debug));
}
