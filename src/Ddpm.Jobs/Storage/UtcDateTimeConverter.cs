using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Ddpm.Jobs.Storage;

/// <summary>SQLite forgets the kind of a time: all of ours are UTC.</summary>
internal sealed class UtcDateTimeConverter() : ValueConverter<DateTime, DateTime>(
    value => value.ToUniversalTime(),
    stored => DateTime.SpecifyKind(stored, DateTimeKind.Utc));
