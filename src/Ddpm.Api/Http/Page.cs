using System.Globalization;

namespace Ddpm.Api.Http;

/// <summary>One page of a list, newest first.</summary>
/// <param name="Items">At most as many as were asked for.</param>
/// <param name="NextCursor">Give this as <c>cursor</c> for the page after; null on the last page.</param>
internal sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

/// <summary>Which page of a list: <c>limit</c> and <c>cursor</c>.</summary>
internal sealed record PageQuery(int Limit, string? Cursor)
{
    public const int DefaultLimit = 20;
    public const int MaxLimit = 100;

    public static ValueTask<PageQuery> BindAsync(HttpContext context)
    {
        var faults = new Faults();
        var limit = QueryNumber(context.Request, "limit", 1, MaxLimit, faults) ?? DefaultLimit;
        faults.ThrowIfAny();
        return new(new PageQuery((int)limit, context.Request.Query["cursor"] is [{ Length: > 0 } cursor, ..] ? cursor : null));
    }

    /// <summary>The cursor of a list that is sorted by id; null on the first page.</summary>
    public Guid? After => Cursor is null ? null
        : Guid.TryParse(Cursor, out var id) ? id
        : throw BadCursor();

    public static RequestProblem BadCursor() =>
        Faults.One("cursor", "must be the nextCursor of an earlier page, or left out for the first page");

    /// <param name="rows">One row more than the page holds, where there are more.</param>
    /// <param name="view">What is shown of a row.</param>
    /// <param name="cursor">What the next page starts after.</param>
    public Page<TView> Of<TRow, TView>(IReadOnlyList<TRow> rows, Func<TRow, TView> view, Func<TRow, string> cursor) =>
        new([.. rows.Take(Limit).Select(view)], rows.Count > Limit ? cursor(rows[Limit - 1]) : null);

    /// <returns>Null where the parameter is not there.</returns>
    public static long? QueryNumber(HttpRequest request, string name, long min, long max, Faults faults)
    {
        if (request.Query[name] is not [{ Length: > 0 } text, ..])
            return null;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
            return value;
        faults.Add(name, $"must be a whole number from {min} to {max}; it is {text}");
        return null;
    }
}
