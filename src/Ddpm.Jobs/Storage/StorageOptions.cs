using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Ddpm.Jobs.Storage;

/// <summary>Where rows and artifacts are kept.</summary>
public sealed record StorageOptions
{
    /// <summary>Folder that everything lies below unless told otherwise; <c>Data:Root</c>, default <c>data</c>.</summary>
    public required string DataRoot { get; init; }

    /// <summary>Kind of database; <c>Database:Provider</c>, default SQLite.</summary>
    public required DatabaseProvider Provider { get; init; }

    /// <summary>How to reach it; <c>Database:ConnectionString</c>, default <c>ddpm.db</c> below <see cref="DataRoot"/>.</summary>
    public required string ConnectionString { get; init; }

    /// <summary>Folder of the artifacts; <c>Artifacts:Root</c>, default <c>artifacts</c> below <see cref="DataRoot"/>.</summary>
    public required string ArtifactRoot { get; init; }

    /// <summary>Reads the settings.</summary>
    /// <exception cref="InvalidOperationException">A setting has no meaning; the message names it.</exception>
    public static StorageOptions From(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var dataRoot = Path.GetFullPath(Setting(configuration, "Data:Root") ?? "data");
        var providerName = Setting(configuration, "Database:Provider") ?? nameof(DatabaseProvider.Sqlite);
        if (!Enum.TryParse<DatabaseProvider>(providerName, ignoreCase: true, out var provider) || !Enum.IsDefined(provider))
            throw new InvalidOperationException($"Database:Provider is '{providerName}'; it must be Sqlite or Postgres.");

        var connectionString = Setting(configuration, "Database:ConnectionString");
        if (connectionString is null && provider == DatabaseProvider.Postgres)
            throw new InvalidOperationException("Database:ConnectionString is missing; PostgreSQL needs one, such as 'Host=db;Database=ddpm;Username=ddpm;Password=…'.");

        return new StorageOptions
        {
            DataRoot = dataRoot,
            Provider = provider,
            ConnectionString = connectionString ?? string.Create(CultureInfo.InvariantCulture, $"Data Source={Path.Combine(dataRoot, "ddpm.db")}"),
            ArtifactRoot = Path.GetFullPath(Setting(configuration, "Artifacts:Root") ?? Path.Combine(dataRoot, "artifacts")),
        };
    }

    private static string? Setting(IConfiguration configuration, string key) =>
        configuration[key] is { } value && !string.IsNullOrWhiteSpace(value) ? value : null;
}

/// <summary>Kinds of databases.</summary>
public enum DatabaseProvider
{
    /// <summary>A file: everything in one process.</summary>
    Sqlite,

    /// <summary>PostgreSQL 13 or newer: API and workers as processes of their own.</summary>
    Postgres,
}
