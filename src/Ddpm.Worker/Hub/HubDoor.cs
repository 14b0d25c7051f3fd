using System.Net;
using System.Net.Sockets;

namespace Ddpm.Worker.Hub;

/// <summary>Decides which addresses are asked: every one, the hub's own and each that it redirects to, before and while it is connected to.</summary>
/// <param name="options">What is allowed.</param>
/// <param name="resolve">Finds the addresses of a host.</param>
internal sealed class HubDoor(HubOptions options, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
{
    /// <summary>Refuses an address that is not to be asked.</summary>
    /// <exception cref="HubException">It is not; the message says which setting would allow it.</exception>
    public void Check(Uri url)
    {
        if (!options.Enabled)
            throw new HubException("Imports from the hub are switched off on this server (Hub:Enabled).");
        if (url.UserInfo.Length > 0)
            throw new HubException($"The hub redirects to an address with a name or password in it on {url.Host}, which is not followed.");
        if (!options.AllowedHosts.Any(pattern => Matches(url.IdnHost, pattern)))
            throw new HubException($"The host {url.Host}, which the hub or a redirect of it names, is not one of those that may be asked: {string.Join(", ", options.AllowedHosts)} (Hub:AllowedHosts).");
        if (!url.IsDefaultPort && url.Port != options.BaseUrl.Port && !options.AllowPrivateAddresses)
            throw new HubException($"The hub redirects to port {url.Port} of {url.Host}, which is not followed.");
    }

    /// <summary>Connects to an address that was looked at: the very one, so that a name cannot mean another a moment later.</summary>
    /// <exception cref="HubException">The host has no public address.</exception>
    public async ValueTask<Stream> ConnectAsync(DnsEndPoint host, CancellationToken cancellationToken)
    {
        var found = IPAddress.TryParse(host.Host.Trim('[', ']'), out var literal) ? [literal] : await resolve(host.Host, cancellationToken);
        var addresses = found.Where(address => options.AllowPrivateAddresses || PublicAddress.IsPublic(address)).ToArray();
        if (addresses.Length == 0 && found.Length > 0)
            throw new HubException($"The host {host.Host} has the address {found[0]}, which is not one of the public internet. A mirror on a network of your own needs Hub:AllowPrivateAddresses.");

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, host.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // "*.hf.co" means every host below hf.co, and not hf.co itself.
    private static bool Matches(string host, string pattern) => pattern.StartsWith("*.", StringComparison.Ordinal)
        ? host.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase) && host.Length > pattern.Length - 1
        : host.Equals(pattern, StringComparison.OrdinalIgnoreCase);
}
