using System.Data.Common;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Ddpm.Jobs.Storage;

/// <summary>Tells trouble that passes (a restart of the server, a lock) from faults.</summary>
public static class DatabaseErrors
{
    private const int SqliteBusy = 5;
    private const int SqliteLocked = 6;
    private const int SqliteForeignKey = 787;
    private const int SqliteRestrictedDelete = 1811; // what ON DELETE RESTRICT reports
    private const string IdleInTransaction = "25P03";
    private const string OperatorIntervenes = "57P"; // 57P01 to 57P03: the server stops, or has crashed

    /// <summary>Whether the same statement may succeed a little later. EF Core wraps what the driver throws, so causes are searched too; of a time-out while the first connection is made it is all there is.</summary>
    public static bool IsTransient(Exception exception) =>
        Causes(exception).Any(cause => cause is DbException { IsTransient: true } or PostgresException { SqlState: IdleInTransaction } or SqliteException { SqliteErrorCode: SqliteBusy or SqliteLocked } or InvalidOperationException { InnerException: TimeoutException });

    /// <summary>Whether nobody knows what became of the statement: its connection broke before the answer, or the server stopped. Where the database itself refused it, nothing was changed.</summary>
    public static bool IsUnanswered(Exception exception) =>
        IsTransient(exception) && !Causes(exception).Any(cause => cause is SqliteException || (cause is PostgresException answer && !answer.SqlState.StartsWith(OperatorIntervenes, StringComparison.Ordinal)));

    /// <summary>Whether a row that the statement refers to is not there any more, or one that it deletes is referred to.</summary>
    public static bool IsBrokenReference(Exception exception) =>
        Causes(exception).Any(cause => cause is PostgresException { SqlState: PostgresErrorCodes.ForeignKeyViolation or PostgresErrorCodes.RestrictViolation } or SqliteException { SqliteExtendedErrorCode: SqliteForeignKey or SqliteRestrictedDelete });

    /// <summary>Whether tables that the statement names are not there, or their whole schema.</summary>
    public static bool IsMissingTable(Exception exception) =>
        Causes(exception).Any(cause => cause is PostgresException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName });

    private static IEnumerable<Exception> Causes(Exception exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
            yield return cause;
    }
}
