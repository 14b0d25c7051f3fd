using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Ddpm.Api.Keys;
using Ddpm.Jobs.Accounts;

namespace Ddpm.Api.Http;

/// <summary>Server-sent events (text/event-stream) made by asking the database every second.</summary>
internal static class EventStreams
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Sends what each look finds, until a look says it was the last, the client leaves, its key is revoked or expires, or the host stops.</summary>
    public static IResult Of(Func<CancellationToken, Task<(IReadOnlyList<SseItem<object>> Events, bool Last)>> look, IHostApplicationLifetime lifetime) =>
        new Stream(look, lifetime.ApplicationStopping);

    private sealed class Stream(Func<CancellationToken, Task<(IReadOnlyList<SseItem<object>> Events, bool Last)>> look, CancellationToken stopping) : IResult
    {
        public Task ExecuteAsync(HttpContext context) =>
            TypedResults.ServerSentEvents(RunAsync(look, Caller.Of(context).KeyId, context.RequestServices.GetRequiredService<KeyRing>(), stopping, context.RequestAborted)).ExecuteAsync(context);
    }

    private static async IAsyncEnumerable<SseItem<object>> RunAsync(
        Func<CancellationToken, Task<(IReadOnlyList<SseItem<object>> Events, bool Last)>> look,
        Guid? key,
        KeyRing keys,
        CancellationToken stopping,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancellationToken);
        using var timer = new PeriodicTimer(Interval);
        while (true)
        {
            var (events, last) = await look(either.Token);
            foreach (var item in events)
                yield return item;
            if (last)
                yield break;
            if (!await NextAsync(timer, either.Token) || (key is { } shown && await keys.FindAsync(shown, either.Token) is null))
                yield break;
        }
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken cancellationToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
