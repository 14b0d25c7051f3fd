using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace Ddpm.Jobs.Storage;

/// <summary>The tables in a PostgreSQL database.</summary>
public sealed class PostgresDdpmDbContext(DbContextOptions<PostgresDdpmDbContext> options) : DdpmDbContext(options)
{
    /// <inheritdoc/>
    protected override string JsonType => "jsonb";

    internal static DbContextOptionsBuilder<PostgresDdpmDbContext> Configure(string connectionString) =>
        new DbContextOptionsBuilder<PostgresDdpmDbContext>().UseNpgsql(connectionString);

    // For `dotnet ef migrations add`, which never connects.
    private sealed class DesignTimeFactory : IDesignTimeDbContextFactory<PostgresDdpmDbContext>
    {
        public PostgresDdpmDbContext CreateDbContext(string[] args) => new(Configure("Host=localhost").Options);
    }
}
