using System.Globalization;
using Npgsql;

namespace Ddpm.Jobs.Tests;

/// <summary>Connections for which PostgreSQL's clock shows another time: a function of the same name stands in front of its own.</summary>
internal static class DatabaseClock
{
    private const string Function = """
        CREATE SCHEMA IF NOT EXISTS shifted;
        CREATE OR REPLACE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS 'SELECT pg_catalog.clock_timestamp() + current_setting(''shifted.by'')::interval';
        """;

    /// <summary>How to connect so that it is later.</summary>
    public static async Task<string> AheadAsync(string connectionString, TimeSpan ahead)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand(Function, connection);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        return new NpgsqlConnectionStringBuilder(connectionString)
        {
            Options = string.Create(CultureInfo.InvariantCulture, $"-c shifted.by={ahead.TotalSeconds}s -c search_path=public,shifted,pg_catalog"),
        }.ConnectionString;
    }
}
