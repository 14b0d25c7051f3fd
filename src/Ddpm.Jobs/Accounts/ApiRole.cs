namespace Ddpm.Jobs.Accounts;

/// <summary>What a key allows; each role includes those before it.</summary>
public enum ApiRole
{
    /// <summary>Look at what belongs to the account.</summary>
    Read,

    /// <summary>Make, change, cancel and delete it.</summary>
    Submit,

    /// <summary>The same for every account; also the Hangfire dashboard.</summary>
    Admin,
}
