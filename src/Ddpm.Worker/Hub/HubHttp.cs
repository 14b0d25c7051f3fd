using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace Ddpm.Worker.Hub;

/// <summary>Sends requests to the hub, follows where it redirects to and says in a sentence what went wrong.</summary>
/// <param name="options">Where it is, and what is allowed.</param>
/// <param name="clock">For pauses.</param>
/// <param name="door">Looked at for every address.</param>
internal sealed class HubHttp(HubOptions options, TimeProvider clock, HubDoor door) : IDisposable
{
    private const int MaxRedirects = 10;
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private readonly HttpClient _client = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, // it would follow to any address, and does not tell which host gets the token
        ConnectTimeout = TimeSpan.FromSeconds(15),
        UseCookies = false,
        UseProxy = options.AllowPrivateAddresses, // a proxy finds the addresses of hosts itself, and nobody looks at them
        ConnectCallback = (context, cancellationToken) => door.ConnectAsync(context.DnsEndPoint, cancellationToken),
    })
    {
        Timeout = Timeout.InfiniteTimeSpan, // of a whole download; silence is bounded below
        DefaultRequestHeaders = { UserAgent = { new ProductInfoHeaderValue("ddpm", typeof(HubHttp).Assembly.GetName().Version?.ToString(3)) } },
    };

    /// <summary>Does something over the network, again where the fault may pass.</summary>
    /// <param name="action">Sends requests; is given a token that ends it when the hub is silent for too long, and an action that says that it is not.</param>
    /// <param name="cancellationToken">Ends it at once.</param>
    /// <exception cref="HubException">It failed for good, or too often.</exception>
    public async Task<T> AttemptAsync<T>(Func<CancellationToken, Action, Task<T>> action, CancellationToken cancellationToken)
    {
        var pause = options.FirstPause;
        for (var attempt = 1; ; attempt++)
        {
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            silence.CancelAfter(options.Timeout);
            try
            {
                return await action(silence.Token, () => silence.CancelAfter(options.Timeout));
            }
            catch (HttpRequestException refused) when (refused.InnerException is HubException reason)
            {
                throw reason; // of the door, while connecting
            }
            catch (Exception fault) when (IsPassing(fault) && !cancellationToken.IsCancellationRequested)
            {
                if (attempt >= options.Attempts)
                    throw new HubException($"The hub at {Address} cannot be reached: {SentenceFor(fault)}.", fault);
                var wait = (fault as PassingFaultException)?.RetryAfter is { } asked && asked > pause ? asked : pause;
                await Task.Delay(wait < LongestPause ? wait : LongestPause, clock, cancellationToken);
                pause *= 2;
            }
        }
    }

    /// <summary>The answer to a GET, its content not yet read; the caller disposes it.</summary>
    /// <param name="repository">Whose, for what is said of a refusal.</param>
    /// <param name="path">Below the hub's address, or absolute as the hub gave it.</param>
    /// <param name="from">The first byte that is wanted.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="HubException">The hub refuses.</exception>
    public async Task<HttpResponseMessage> GetAsync(HubRepository repository, string path, long from, CancellationToken cancellationToken)
    {
        var url = new Uri(options.BaseUrl, path);
        for (var redirects = 0; redirects <= MaxRedirects; redirects++)
        {
            door.Check(url);
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            if (from > 0)
                request.Headers.Range = new RangeHeaderValue(from, null);
            if (options.Token is { } token && IsHub(url))
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308))
                return response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable ? response : throw Refusal(repository, response);
            using (response)
                url = Follow(url, response.Headers.Location);
        }
        throw new HubException($"The hub at {Address} redirects more than {MaxRedirects} times.");
    }

    /// <summary>The hub, as it is called in messages.</summary>
    public string Address => options.BaseUrl.GetLeftPart(UriPartial.Path).TrimEnd('/');

    /// <summary>Whether an address is one of the hub's own.</summary>
    public bool IsHub(Uri url) => url.GetLeftPart(UriPartial.Authority) == options.BaseUrl.GetLeftPart(UriPartial.Authority);

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private Uri Follow(Uri from, Uri? location)
    {
        var to = location is null ? null : new Uri(from, location);
        return to is { Scheme: "http" or "https" } && (to.Scheme == from.Scheme || from.Scheme == "http")
            ? to
            : throw new HubException($"The hub at {Address} redirects to an address that is not followed.");
    }

    private Exception Refusal(HubRepository repository, HttpResponseMessage response)
    {
        using (response)
        {
            var status = (int)response.StatusCode;
            var code = response.Headers.TryGetValues("X-Error-Code", out var values) ? values.FirstOrDefault() : null;
            return (code, status) switch
            {
                ("GatedRepo", _) => new HubException($"The hub gives {repository} only to those who have accepted its conditions: accept them at {Address}, then give a token (Hub:Token or HF_TOKEN)."),
                ("RevisionNotFound", _) => new HubException($"The hub has no revision '{repository.Revision}' of the {repository.Kind} {repository.Id}."),
                ("EntryNotFound", _) => new HubException($"A file of {repository} has gone from the hub."),
                ("RepoNotFound", _) or (_, 404) => new HubException($"The hub at {Address} has no {repository.Kind} {repository.Id}, or shows it only to those with a token (Hub:Token or HF_TOKEN)."),
                (_, 401 or 403) => new HubException($"The hub refuses {repository} ({status}): it is private or gated. Give a token that may read it (Hub:Token or HF_TOKEN)."),
                (_, 408 or 429 or >= 500) => new PassingFaultException($"it answers {status} {response.ReasonPhrase}".TrimEnd(), response.Headers.RetryAfter?.Delta),
                _ => new HubException($"The hub at {Address} answers {status} to the request for {repository}."),
            };
        }
    }

    private static bool IsPassing(Exception fault) => fault is HttpRequestException or HttpIOException or PassingFaultException or OperationCanceledException or EndOfStreamException
        or IOException { InnerException: SocketException };

    private string SentenceFor(Exception fault) => fault is OperationCanceledException ? $"it has been silent for {options.Timeout.TotalSeconds:0.#} seconds" : fault.Message.TrimEnd('.');

    private sealed class PassingFaultException(string message, TimeSpan? retryAfter) : Exception(message)
    {
        public TimeSpan? RetryAfter { get; } = retryAfter;
    }
}
