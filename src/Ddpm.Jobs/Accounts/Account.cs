namespace Ddpm.Jobs.Accounts;

/// <summary>Names of those whom things belong to. Several API keys may act for one account, so that a key can be replaced and nothing is lost.</summary>
public static class Account
{
    /// <summary>Most characters of a name.</summary>
    public const int LongestName = 64;

    /// <summary>Owner of what was made without a key, which only a server on a loopback address allows.</summary>
    public const string Local = "local";

    /// <summary>Owner of what is shipped: everybody may look at it and use it.</summary>
    public const string Shared = "shared";
}
