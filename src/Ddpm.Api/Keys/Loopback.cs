using System.Net;

namespace Ddpm.Api.Keys;

/// <summary>Tells this machine from others.</summary>
internal static class Loopback
{
    /// <summary>Whether a host's name, or an address in its place, with or without brackets, is this machine's own.</summary>
    public static bool IsName(string host) => host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
