using Ddpm.Api.Http;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Telemetry;

namespace Ddpm.Api.Keys;

/// <summary>Who sent a request.</summary>
/// <param name="Account">Whom new things will belong to.</param>
/// <param name="Role">What is allowed.</param>
/// <param name="KeyId">The key that was shown; null on a machine of one's own, where none is needed.</param>
internal sealed record Caller(string Account, ApiRole Role, Guid? KeyId)
{
    /// <summary>Whoever works on the server's own machine while there are no keys.</summary>
    public static Caller Local { get; } = new(Jobs.Accounts.Account.Local, ApiRole.Admin, null);

    /// <summary>Whether a cookie said so, which a browser sends along whoever made it send the request.</summary>
    public bool BySession { get; init; }

    /// <summary>The request that was sent: <see cref="RequestIds"/>.</summary>
    public string? RequestId { get; init; }

    /// <summary>Whose things are shown; null for everybody's.</summary>
    public string? OnlyAccount => Role == ApiRole.Admin ? null : Account;

    /// <summary>For parameters of endpoints.</summary>
    public static ValueTask<Caller> BindAsync(HttpContext context) => new(Of(context));

    /// <exception cref="InvalidOperationException">Nobody has been recognised; such requests reach no endpoint that asks.</exception>
    public static Caller Of(HttpContext context) => Find(context) ?? throw new InvalidOperationException($"{context.Request.Path} is open to everybody, and asks who calls.");

    /// <summary>Null where nobody has been recognised.</summary>
    public static Caller? Find(HttpContext context) => context.Features.Get<Caller>();

    /// <summary>A job of this caller.</summary>
    public Job NewJob(JobKind kind) => NewJob(kind, Account);

    /// <summary>A job of the account that something belongs to already: an administrator's help does not make it the administrator's.</summary>
    public Job NewJob(JobKind kind, string account) => new()
    {
        Id = Guid.CreateVersion7(),
        Kind = kind,
        Account = account,
        TraceParent = Tracing.Parent,
        RequestId = RequestId,
        CreatedAt = Now,
    };

    // In the microseconds that PostgreSQL keeps: the first answer says what the next will.
    private static DateTime Now => new(DateTime.UtcNow.Ticks / TimeSpan.TicksPerMicrosecond * TimeSpan.TicksPerMicrosecond, DateTimeKind.Utc);

    /// <summary>Whose things a request may see, null for everybody's. Without a caller that is what is shared.</summary>
    public static string? AccountShownTo(HttpContext context) => Find(context) is { } caller ? caller.OnlyAccount : Jobs.Accounts.Account.Shared;
}
