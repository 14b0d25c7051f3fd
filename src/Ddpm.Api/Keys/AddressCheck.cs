using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Logging;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Ddpm.Api.Keys;

/// <summary>Ends a server that others could reach while there is no key to tell them apart by: before it listens by what the settings say, and at once after by what it really listens on.</summary>
/// <remarks>Whatever it overlooked, without a key nobody is let in but this machine.</remarks>
internal sealed class AddressCheck(IServer server, IConfiguration configuration, KeyRing keys) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => CheckAsync(Configured(), cancellationToken);

    public Task StartedAsync(CancellationToken cancellationToken) => CheckAsync(server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [], cancellationToken);

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task CheckAsync(IEnumerable<string> addresses, CancellationToken cancellationToken)
    {
        if (addresses.FirstOrDefault(address => !IsLoopback(address)) is { } open && !await keys.HasActiveKeysAsync(cancellationToken))
            throw new StartRefusedException(
                $"{open} can be reached by others, and there is no key that lets anybody in: make one with 'ddpm key add --account {Account.Local} --role admin' "
                + "(in a container: 'docker compose run --rm api key add …', docs/keys.md), or listen on http://127.0.0.1:5080.");
    }

    // In the order in which the server itself looks.
    private List<string> Configured()
    {
        if (configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"]).OfType<string>().ToList() is { Count: > 0 } endpoints)
            return endpoints;
        if (Parts("urls") is { Count: > 0 } urls)
            return urls;
        return [.. Parts("http_ports").Select(port => $"http://*:{port}"), .. Parts("https_ports").Select(port => $"https://*:{port}")];
    }

    private List<string> Parts(string setting) => [.. (configuration[setting] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];

    // Names such as * and + are every network's. What is no address at all the server will say better.
    private static bool IsLoopback(string url)
    {
        try
        {
            return Loopback.IsName(BindingAddress.Parse(url).Host);
        }
        catch (FormatException)
        {
            return true;
        }
    }
}
