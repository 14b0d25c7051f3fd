using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Ddpm.Cli.CommandLine;

namespace Ddpm.Cli.Bench;

/// <summary>How fast a running service accepts sample requests, and how soon their pictures are begun. A client sends its next request when the one before has ended.</summary>
internal static class ServiceBench
{
    private const int WarmUp = 50; // requests after which memory is first looked at; they do not count
    private static readonly string[] Samplers = ["ddim", "ddpm", "dpmsolver++", "euler", "unipc", "sde-dpmsolver++"];
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5); // that a request may take: a worker that has died never ends one
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(15);

    /// <param name="options">What to ask, and of whom.</param>
    /// <param name="cancellationToken">Ends it without a result.</param>
    /// <exception cref="UserErrorException">The service is not there, refuses, or fails to draw.</exception>
    public static async Task<ServiceResult> RunAsync(ServiceBenchOptions options, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = options.Url };
        try
        {
            await SendAsync(http, options, WarmUp, cancellationToken);
            var before = options.Processes.Select(id => (Bytes: ProcessUse.ResidentBytes(id), Seconds: ProcessUse.ProcessorSeconds(id))).ToArray();
            var watch = Stopwatch.StartNew();
            var sent = await SendAsync(http, options, options.Requests, cancellationToken);
            var perSecond = sent.Count / watch.Elapsed.TotalSeconds;
            var use = options.Processes.Zip(before, (id, then) =>
                new WatchedProcess(id, then.Bytes, ProcessUse.ResidentBytes(id), (ProcessUse.ProcessorSeconds(id) - then.Seconds) * 1000 / sent.Count)).ToList();
            return new(
                sent.Count,
                perSecond,
                Percentiles.Of(sent.Select(request => request.Accepted.TotalMilliseconds)),
                Percentiles.Of(sent.Select(request => request.Claimed.TotalMilliseconds)),
                Percentiles.Of(sent.Select(request => request.Begun.TotalMilliseconds)),
                Percentiles.Of(sent.Select(request => request.BesideDrawing.TotalMilliseconds)),
                use);
        }
        catch (HttpRequestException trouble)
        {
            throw new UserErrorException($"{options.Url} does not answer: {trouble.Message}");
        }
    }

    /// <summary>What asking at once is worth: as many requests as there are clients, of mixed samplers, one after another and all at once, in turns. Each is answered with its picture.</summary>
    /// <param name="options">What to ask, and of whom.</param>
    /// <param name="rounds">Of both.</param>
    /// <param name="cancellationToken">Ends it without a result.</param>
    /// <exception cref="UserErrorException">The service is not there, refuses, or fails to draw.</exception>
    public static async Task<Throughput> CompareAsync(ServiceBenchOptions options, int rounds, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = options.Url, Timeout = Timeout.InfiniteTimeSpan };
        var (inTurn, atOnce, different) = (new List<double>(), new List<double>(), 0);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, options.Clients).Select(client => PictureAsync(http, options, client, cancellationToken)));
            for (var round = 0; round < rounds; round++)
            {
                var began = Stopwatch.GetTimestamp();
                var alone = new List<byte[]>();
                for (var client = 0; client < options.Clients; client++)
                    alone.Add(await PictureAsync(http, options, client, cancellationToken));
                var between = Stopwatch.GetTimestamp();
                var together = await Task.WhenAll(Enumerable.Range(0, options.Clients).Select(client => PictureAsync(http, options, client, cancellationToken)));
                inTurn.Add(Stopwatch.GetElapsedTime(began, between).TotalSeconds);
                atOnce.Add(Stopwatch.GetElapsedTime(between).TotalSeconds);
                different += alone.Zip(together).Count(pair => !pair.First.AsSpan().SequenceEqual(pair.Second));
            }
        }
        catch (HttpRequestException trouble)
        {
            throw new UserErrorException($"{options.Url} does not answer: {trouble.Message}");
        }

        return new Throughput(
            options.Clients, Spread.Of([.. inTurn.Select(seconds => options.Clients / seconds)]), Spread.Of([.. atOnce.Select(seconds => options.Clients / seconds)]),
            Ratio.OfPairs("in turn / at once", inTurn, atOnce).Value, different);
    }

    private static async Task<byte[]> PictureAsync(HttpClient http, ServiceBenchOptions options, int client, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "samples")
        {
            Content = JsonContent.Create(new { count = 1, steps = options.Steps, seed = client, sampler = Samplers[client % Samplers.Length] }),
            Headers = { { "Prefer", "wait=60" }, { "Accept", "image/png" } },
        };
        using var answer = await http.SendAsync(request, cancellationToken);
        return answer.StatusCode == HttpStatusCode.OK
            ? await answer.Content.ReadAsByteArrayAsync(cancellationToken)
            : throw new UserErrorException($"POST /samples was answered with {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellationToken)}");
    }

    private static async Task<List<Sent>> SendAsync(HttpClient http, ServiceBenchOptions options, int requests, CancellationToken cancellationToken)
    {
        var (sent, left) = (new ConcurrentBag<Sent>(), requests);
        await Task.WhenAll(Enumerable.Range(0, options.Clients).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
                sent.Add(await OneAsync(http, options, cancellationToken));
        }));
        return [.. sent];
    }

    private static async Task<Sent> OneAsync(HttpClient http, ServiceBenchOptions options, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        using var answer = await http.PostAsJsonAsync("samples", new { count = 1, steps = options.Steps, seed = 1 }, cancellationToken);
        var accepted = Stopwatch.GetElapsedTime(start);
        var text = await answer.Content.ReadAsStringAsync(cancellationToken);
        if (answer.StatusCode != HttpStatusCode.Accepted)
            throw new UserErrorException($"POST /samples was answered with {(int)answer.StatusCode}: {text}");
        using var view = JsonDocument.Parse(text);
        var self = $"samples/{view.RootElement.GetProperty("id").GetString()}";
        while (Stopwatch.GetElapsedTime(start) < Longest)
        {
            await Task.Delay(Poll, cancellationToken);
            using var now = JsonDocument.Parse(await http.GetStringAsync(self, cancellationToken));
            var row = now.RootElement;
            switch (row.GetProperty("status").GetString())
            {
                case "succeeded":
                    var created = row.GetProperty("createdAt").GetDateTime();
                    return new(
                        accepted,
                        row.GetProperty("startedAt").GetDateTime() - created,
                        row.GetProperty("drawingStartedAt").GetDateTime() - created,
                        row.GetProperty("endedAt").GetDateTime() - created - TimeSpan.FromSeconds(row.GetProperty("durationSeconds").GetDouble()));
                case "failed" or "cancelled":
                    throw new UserErrorException($"The service did not draw: {row}");
            }
        }

        throw new UserErrorException($"{self} has not ended within {Longest.TotalMinutes:0} minutes.");
    }

    private sealed record Sent(TimeSpan Accepted, TimeSpan Claimed, TimeSpan Begun, TimeSpan BesideDrawing);
}

/// <param name="Url">Of the API.</param>
/// <param name="Clients">That ask at once; at least 1.</param>
/// <param name="Requests">That are counted, of all clients together; at least 1.</param>
/// <param name="Steps">Of each request, which asks the default model for one picture.</param>
/// <param name="Processes">Ids of processes on this machine whose memory is watched.</param>
internal sealed record ServiceBenchOptions(Uri Url, int Clients, int Requests, int Steps, IReadOnlyList<int> Processes);

/// <summary>Milliseconds, of the requests that were counted.</summary>
/// <param name="Requests">How many.</param>
/// <param name="PerSecond">Requests, from the first sent to the last ended.</param>
/// <param name="Accepted">From sending POST to its answer.</param>
/// <param name="Claimed">From the row's creation, which comes before it is saved, to a worker's claim.</param>
/// <param name="Begun">From the row's creation to when the loaded model was given the request: its first call of the network begins then, or when the call that is under way has ended.</param>
/// <param name="BesideDrawing">From the row's creation to its end, less the time of drawing.</param>
/// <param name="Processes">Those that were watched.</param>
internal sealed record ServiceResult(
    int Requests, double PerSecond, Percentiles Accepted, Percentiles Claimed, Percentiles Begun, Percentiles BesideDrawing, IReadOnlyList<WatchedProcess> Processes);

/// <summary>Pictures a second.</summary>
/// <param name="Clients">Requests of a round.</param>
/// <param name="InTurn">One after another.</param>
/// <param name="AtOnce">All at once.</param>
/// <param name="Ratio">How many times more at once, round by round.</param>
/// <param name="Different">Pictures that were not the same, byte for byte, both times.</param>
internal sealed record Throughput(int Clients, Spread InTurn, Spread AtOnce, Spread Ratio, int Different);

/// <param name="Process">Its id.</param>
/// <param name="Before">Resident bytes after the first fifty requests.</param>
/// <param name="After">Resident bytes at the end.</param>
/// <param name="ProcessorMilliseconds">A request, of all threads.</param>
internal sealed record WatchedProcess(int Process, long Before, long After, double ProcessorMilliseconds);

internal sealed record Percentiles(double P50, double P95, double P99, double Most)
{
    public static Percentiles Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return new(Spread.Quantile(sorted, 0.5), Spread.Quantile(sorted, 0.95), Spread.Quantile(sorted, 0.99), sorted[^1]);
    }
}
