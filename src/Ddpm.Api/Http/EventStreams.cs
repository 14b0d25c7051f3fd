using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;

namespace Ddpm.Api.Http;

/// <summary>Server-sent events (text/event-stream) made by asking the database every second.</summary>
internal static class EventStreams
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Sends what each look finds, until a look says it was the last, the client leaves or the host stops.</summary>
    public static IResult Of(Func<CancellationToken, Task<(IReadOnlyList<SseItem<object>> Events, bool Last)>> look, IHostApplicationLifetime lifetime) =>
        TypedResults.ServerSentEvents(RunAsync(look, lifetime.ApplicationStopping, CancellationToken.None));

    private static async IAsyncEnumerable<SseItem<object>> RunAsync(
        Func<CancellationToken, Task<(IReadOnlyList<SseItem<object>> Events, bool Last)>> look,
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
            if (!await NextAsync(timer, either.Token))
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
