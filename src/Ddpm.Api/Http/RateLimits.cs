using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using Ddpm.Api.Keys;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.RateLimiting;

namespace Ddpm.Api.Http;

/// <summary>How often one key may ask, and one address without any; and how many requests and streams one key may have open.</summary>
internal static class RateLimits
{
    /// <summary>Name of the policy for event streams.</summary>
    public const string Streams = "streams";

    private const long LargeBytes = 64 << 10;
    private const int Ipv6NetworkBytes = 8; // a /64 is one customer

    public static void Configure(RateLimiterOptions limiter, RateLimitOptions options)
    {
        limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        limiter.GlobalLimiter = PartitionedRateLimiter.CreateChained(
            PartitionedRateLimiter.Create<HttpContext, string>(context => Caller.Find(context) switch
            {
                null => Bucket($"address {Network(context.Connection.RemoteIpAddress)}", options.AnonymousRequestsPerSecond, options.AnonymousBurst),
                { KeyId: null } => Unlimited,
                { KeyId: { } key } => Bucket($"key {key}", options.RequestsPerSecond, options.Burst),
            }),
            ForKeys(options.AtOnce, context => !IsStream(context)),
            ForKeys(options.LargeBodies, HasLargeBody));
        limiter.AddPolicy(Streams, context => RateLimitPartition.GetConcurrencyLimiter(
            Caller.Find(context) is { KeyId: { } key } ? $"key {key}" : $"address {Network(context.Connection.RemoteIpAddress)}",
            _ => new ConcurrencyLimiterOptions { PermitLimit = options.Streams }));
        limiter.OnRejected = RefuseAsync;
    }

    private static RateLimitPartition<string> Unlimited => RateLimitPartition.GetNoLimiter("");

    // Who has no key either waits for nothing here, or sits at this machine.
    private static PartitionedRateLimiter<HttpContext> ForKeys(int atOnce, Func<HttpContext, bool> counts) => PartitionedRateLimiter.Create<HttpContext, string>(context =>
        Caller.Find(context) is { KeyId: { } key } && counts(context)
            ? RateLimitPartition.GetConcurrencyLimiter($"key {key}", _ => new ConcurrencyLimiterOptions { PermitLimit = atOnce })
            : Unlimited);

    // They have a limit of their own.
    private static bool IsStream(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>()?.PolicyName == Streams;

    // One whose length is not announced may be large. Uploads go to the disk; of other forms nothing is read but the beginning (JsonBody).
    private static bool HasLargeBody(HttpContext context) =>
        context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true } && !(context.Request.ContentLength <= LargeBytes) && !context.Request.HasFormContentType;

    private static RateLimitPartition<string> Bucket(string name, int perSecond, int burst) => RateLimitPartition.GetTokenBucketLimiter(
        name, _ => new TokenBucketRateLimiterOptions { TokenLimit = burst, TokensPerPeriod = perSecond, ReplenishmentPeriod = TimeSpan.FromSeconds(1), AutoReplenishment = true });

    private static ValueTask RefuseAsync(OnRejectedContext refused, CancellationToken cancellationToken)
    {
        var seconds = refused.Lease.TryGetMetadata(MetadataName.RetryAfter, out var pause) ? Math.Max(1, Math.Ceiling(pause.TotalSeconds)) : 1;
        refused.HttpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return new(Problems.Of(
            StatusCodes.Status429TooManyRequests,
            "Too many requests",
            Caller.Find(refused.HttpContext) is null
                ? "This address sends too many requests without a key that is accepted. Wait as long as Retry-After says."
                : "This key sends too many requests, or has too many in progress, of large bodies, or of event streams (RateLimits). Wait as long as Retry-After says, or let some end.").ExecuteAsync(refused.HttpContext));
    }

    // A customer of IPv6 has a network of addresses, and would otherwise have as many buckets.
    private static string Network(IPAddress? address)
    {
        if (address is null)
            return "none";
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        return address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? Convert.ToHexStringLower(address.GetAddressBytes().AsSpan(0, Ipv6NetworkBytes)) : address.ToString();
    }
}
