using Microsoft.EntityFrameworkCore;
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
            var options = PostgresDdpmDbContext.Configure(storage.ConnectionString).UseLoggerFactory(loggers).Options;
            _create = () => new PostgresDdpmDbContext(options);
        }
        else
        {
            var options = SqliteDdpmDbContext.Configure(storage.ConnectionString).UseLoggerFactory(loggers).Options;
            _create = () => new SqliteDdpmDbContext(options);
        }
    }

    public DdpmDbContext CreateDbContext() => _create();
}
