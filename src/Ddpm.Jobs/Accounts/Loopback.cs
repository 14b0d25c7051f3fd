using System.Net;

namespace Ddpm.Jobs.Accounts;

/// <summary>Tells this machine from others.</summary>
public static class Loopback
{
    /// <summary>Whether a host's name, or an address in its place, with or without brackets, is this machine's own.</summary>
    public static bool IsName(string host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
    }

    /// <summary>Whether both ends of a connection are this machine's; an address that is not known is not.</summary>
    public static bool AreEnds(IPAddress? local, IPAddress? remote) => local is not null && remote is not null && IPAddress.IsLoopback(local) && IPAddress.IsLoopback(remote);
}
