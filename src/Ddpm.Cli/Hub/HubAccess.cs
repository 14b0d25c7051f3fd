using System.CommandLine;
using Ddpm.Cli.CommandLine;
using Ddpm.Worker.Hub;

namespace Ddpm.Cli.Hub;

/// <summary>What of the hub stands on a command line: <c>hub:owner/name</c> or <c>hub:owner/name@revision</c>, and where the hub is.</summary>
internal static class HubAccess
{
    private const string Prefix = "hub:";

    public static Option<string?> Url() => new("--hub-url")
    {
        Description = "Address of the hub; HF_ENDPOINT, or https://huggingface.co, if not given. A token is taken from HF_TOKEN.",
        HelpName = "URL",
    };

    /// <summary>Whether something means a repository of the hub.</summary>
    public static bool IsMeant(string source) => source.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>The repository that is meant.</summary>
    public static HubRepository Parse(string source, bool isDataset)
    {
        var (id, revision) = source[Prefix.Length..].Split('@', 2) is [var name, var at] ? (name, at) : (source[Prefix.Length..], HubRepository.UsualRevision);
        return new HubRepository(isDataset, id, revision);
    }

    /// <summary>Opens the hub; the caller disposes it. Downloads are kept in the user's cache folder.</summary>
    /// <exception cref="UserErrorException">A setting makes no sense.</exception>
    public static HubClient Open(string? url)
    {
        var caches = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } folder ? folder
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        try
        {
            var environment = new ConfigurationBuilder().AddEnvironmentVariables().Build();
            return new HubClient(HubOptions.From(environment, Path.Combine(caches, "ddpm", "hub"), url, isCommand: true), TimeProvider.System);
        }
        catch (InvalidOperationException fault)
        {
            throw new UserErrorException(fault.Message);
        }
    }
}
