using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace Ddpm.Jobs.Storage;

/// <summary>There is not enough room for something, seen before it was written. The message is for whoever asked for it.</summary>
public sealed class DiskFullException : IOException
{
    private const int Windows = unchecked((int)0x80070070);
    private const int NoSpaceLeft = 28; // ENOSPC; .NET puts errno in HResult on Unix.
    private const int QuotaExceeded = 122;
    private const int Sqlite = 13;
    private const string Postgres = "53100";

    internal DiskFullException(string message)
        : base(message, NoSpaceLeft)
    {
    }

    /// <summary>Whether an exception comes of a full disk, of the files or of the database. Causes are searched too: EF Core wraps what the driver throws.</summary>
    public static bool IsDiskFull(Exception? exception) => exception switch
    {
        null => false,
        IOException { HResult: Windows or NoSpaceLeft or QuotaExceeded } => true,
        SqliteException { SqliteErrorCode: Sqlite } or DbException { SqlState: Postgres } => true,
        _ => IsDiskFull(exception.InnerException),
    };
}
