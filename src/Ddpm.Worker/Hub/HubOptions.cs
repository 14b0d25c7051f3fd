using System.Globalization;
using Ddpm.Jobs.Configuration;

namespace Ddpm.Worker.Hub;

/// <summary>Where the hub is and how much is taken from it: settings of the section <c>Hub</c>. No record, whose text would show the token.</summary>
public sealed class HubOptions
{
    private static readonly TimeSpan _longest = TimeSpan.FromHours(1);
    private static readonly TimeSpan _longestOfAll = TimeSpan.FromDays(7);

    /// <summary>The hub's address, <c>Hub:BaseUrl</c> or <c>HF_ENDPOINT</c>; default <c>https://huggingface.co</c>.</summary>
    public Uri BaseUrl { get; init; } = new("https://huggingface.co/");

    /// <summary>Whether anything is imported, <c>Hub:Enabled</c>; by default not by a server, whose users would make it ask other machines, but by commands.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Hosts that are asked, redirects included; <c>*.hf.co</c> means all below. <c>Hub:AllowedHosts</c>, separated by commas; default the hub's own host, and for
    /// huggingface.co those that it keeps large files on.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = ["huggingface.co", "*.huggingface.co", "*.hf.co"];

    /// <summary>Whether hosts with addresses of this machine, of a private network or of a provider's own services are asked, on any port and by way of a proxy:
    /// <c>Hub:AllowPrivateAddresses</c>; default false, and true for commands.</summary>
    public bool AllowPrivateAddresses { get; init; }

    /// <summary>What opens private and gated repositories, <c>Hub:Token</c> or <c>HF_TOKEN</c>. Sent to <see cref="BaseUrl"/> only and never logged.</summary>
    public string? Token { get; init; }

    /// <summary>Folder that downloads are kept in, by commit; <c>Hub:Cache</c>.</summary>
    public required string Cache { get; init; }

    /// <summary>Most bytes of the files that one request needs; <c>Hub:MaxBytes</c>, default 100 GiB.</summary>
    public long MaxBytes { get; init; } = 100L << 30;

    /// <summary>How often a request is sent before it is given up, with growing pauses between; <c>Hub:Attempts</c>, default 5.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>The first of those pauses; each is twice the one before. <c>Hub:FirstPause</c>, default 1 second.</summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the hub may be silent; <c>Hub:Timeout</c>, default 1 minute.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long all that one request needs may take; <c>Hub:MaxTime</c>, default 12 hours.</summary>
    public TimeSpan MaxTime { get; init; } = TimeSpan.FromHours(12);

    /// <summary>Reads the settings.</summary>
    /// <param name="configuration">With the environment in it.</param>
    /// <param name="usualCache">Where downloads are kept unless told otherwise.</param>
    /// <param name="url">An address that goes before the settings'; null for theirs.</param>
    /// <param name="isCommand">Whether someone asks at a terminal of his own, rather than a server on behalf of others.</param>
    /// <exception cref="InvalidOperationException">A setting has no meaning; the message names it.</exception>
    public static HubOptions From(IConfiguration configuration, string usualCache, string? url = null, bool isCommand = false)
    {
        var usual = new HubOptions { Cache = usualCache };
        var address = UrlOf(url ?? Setting("Hub:BaseUrl") ?? Setting("HF_ENDPOINT")) ?? usual.BaseUrl;
        return new HubOptions
        {
            BaseUrl = address,
            Enabled = configuration.Switch("Hub:Enabled", isCommand),
            AllowedHosts = Setting("Hub:AllowedHosts")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                ?? (address.Host == usual.BaseUrl.Host ? usual.AllowedHosts : [address.IdnHost]),
            AllowPrivateAddresses = configuration.Switch("Hub:AllowPrivateAddresses", isCommand),
            Token = Setting("Hub:Token") ?? Setting("HF_TOKEN"),
            Cache = Path.GetFullPath(Setting("Hub:Cache") ?? usualCache),
            MaxBytes = Number("Hub:MaxBytes", usual.MaxBytes, 1, long.MaxValue),
            Attempts = (int)Number("Hub:Attempts", usual.Attempts, 1, 100),
            FirstPause = Time("Hub:FirstPause", usual.FirstPause, _longest),
            Timeout = Time("Hub:Timeout", usual.Timeout, _longest),
            MaxTime = Time("Hub:MaxTime", usual.MaxTime, _longestOfAll),
        };

        string? Setting(string key) => configuration[key] is { } value && !string.IsNullOrWhiteSpace(value) ? value.Trim() : null;

        long Number(string key, long otherwise, long from, long to) => Setting(key) is not { } text ? otherwise
            : long.TryParse(text, CultureInfo.InvariantCulture, out var number) && number >= from && number <= to ? number
            : throw new InvalidOperationException($"{key} is '{text}'; a whole number from {from} to {to} is accepted.");

        TimeSpan Time(string key, TimeSpan otherwise, TimeSpan longest) => Setting(key) is not { } text ? otherwise
            : TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time) && time > TimeSpan.Zero && time <= longest ? time
            : throw new InvalidOperationException($"{key} is '{text}'; a time such as 00:01:00, up to {longest}, is accepted.");
    }

    private static Uri? UrlOf(string? text) => text is null ? null
        : Uri.TryCreate(text.TrimEnd('/') + '/', UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.UserInfo.Length == 0 && url.Query.Length == 0 ? url
        : throw new InvalidOperationException($"The hub's address (Hub:BaseUrl, HF_ENDPOINT or --hub-url) is '{text}'; one such as https://huggingface.co is accepted.");
}
