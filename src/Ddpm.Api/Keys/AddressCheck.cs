using System.Net;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Logging;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Ddpm.Api.Keys;

/// <summary>Ends a server that others could reach while there is no key to tell them apart by. It looks at what the server really listens on, whichever setting said so.</summary>
/// <remarks>Until it has looked nobody is let in either: without a key only this machine is.</remarks>
internal sealed class AddressCheck(IServer server, KeyRing keys) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        var open = server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault(address => !IsLoopback(address));
        if (open is not null && !await keys.HasActiveKeysAsync(cancellationToken))
            throw new StartRefusedException(
                $"{open} can be reached by others, and there is no key that lets anybody in: make one with 'ddpm key add --account {Account.Local} --role admin' "
                + "(in a container: 'docker compose run --rm api key add …', docs/keys.md), or listen on http://127.0.0.1:5080.");
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Names such as *, + and [::] are no addresses, or those of every network.
    private static bool IsLoopback(string url)
    {
        var host = BindingAddress.Parse(url).Host;
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
    }
}
