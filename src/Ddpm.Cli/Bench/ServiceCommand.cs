using System.CommandLine;
using System.Globalization;
using Ddpm.Cli.CommandLine;

namespace Ddpm.Cli.Bench;

/// <summary><c>ddpm bench service</c>: latency and memory of a running service.</summary>
internal static class ServiceCommand
{
    public static Command Create()
    {
        var url = new Option<string>("--url") { Description = "Of the API.", HelpName = "URL", DefaultValueFactory = _ => "http://127.0.0.1:5080" };
        var clients = Arguments.Number("--clients", "Requests that are under way at once.", 1, 1000, 1);
        var requests = Arguments.Number("--requests", "Requests that are counted, after fifty that are not.", 1, 1_000_000, 200);
        var steps = Arguments.Number("--steps", "Steps of a request, which asks for one picture.", 1, 1000, 2);
        var processes = new Option<int[]>("--process") { Description = "Id of a process whose memory is watched; may be repeated.", HelpName = "PID" };
        var rounds = new Option<int?>("--at-once") { Description = "Instead: so many rounds of as many requests as clients, of mixed samplers, one after another and at once.", HelpName = "ROUNDS" };
        var json = new Option<bool>("--json") { Description = "The result as JSON." };
        var command = new Command("service", "Measures how fast a running service accepts sample requests and begins to draw. eng/bench-service starts one.")
        {
            url, clients, requests, steps, processes, rounds, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (!Uri.TryCreate(parsed.GetRequiredValue(url), UriKind.Absolute, out var address) || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
                throw new UserErrorException($"--url is '{parsed.GetRequiredValue(url)}'; an http or https address is accepted.");
            var options = new ServiceBenchOptions(
                address, parsed.GetValue(clients), parsed.GetValue(requests), parsed.GetValue(steps), parsed.GetValue(processes) ?? []);
            if (parsed.GetValue(rounds) is { } wanted)
            {
                if (wanted < 1)
                    throw new UserErrorException($"--at-once is {wanted}; 1 or more is needed.");
                return Print(await ServiceBench.CompareAsync(options, wanted, cancellationToken), parsed.GetValue(json));
            }

            var result = await ServiceBench.RunAsync(options, cancellationToken);
            if (parsed.GetValue(json))
                Console.WriteLine(BenchJson.Of(result));
            else
                Print(result);
            return 0;
        });
        return command;
    }

    private static int Print(Throughput result, bool asJson)
    {
        Console.WriteLine(asJson ? BenchJson.Of(result) : string.Create(CultureInfo.InvariantCulture,
            $"{result.Clients} requests: {result.InTurn.Median:0.0} pictures/s one after another, {result.AtOnce.Median:0.0} at once: {result.Ratio.Median:0.00} times (quartiles {result.Ratio.LowerQuartile:0.00} … {result.Ratio.UpperQuartile:0.00}); {result.Different} pictures differ"));
        return result.Different == 0 ? 0 : CommandRunner.Failed;
    }

    private static void Print(ServiceResult result)
    {
        Line($"{result.Requests} requests, {result.PerSecond:0.0} a second; milliseconds:        p50      p95      p99     most");
        Row("POST is answered", result.Accepted);
        Row("accepted to claimed by a worker", result.Claimed);
        Row("accepted to handed to the model", result.Begun);
        Row("accepted to ended, without drawing", result.BesideDrawing);
        foreach (var (process, before, after, milliseconds) in result.Processes)
            Line($"process {process}: {milliseconds:0.0} ms of processor a request; {before / 1e6:0.0} MB after 50 requests, {after / 1e6:0.0} MB at the end ({(after - before) / 1e6:+0.0;-0.0} MB)");

        static void Row(string what, Percentiles of) => Line($"{what,-50} {of.P50,8:0.0} {of.P95,8:0.0} {of.P99,8:0.0} {of.Most,8:0.0}");
        static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
    }
}
