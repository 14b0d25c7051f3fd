using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Ddpm.Jobs.Accounts;

/// <summary>What an API key looks like: <c>ddpm_</c> and 54 characters, which are 320 random bits.</summary>
public static class KeyText
{
    /// <summary>How every key begins, so that people, and programs that look for leaked secrets, know one when they see it.</summary>
    public const string Beginning = "ddpm_";

    private const string Bearer = "Bearer ";
    private const int RandomBytes = 40; // of which the shown prefix tells 48 bits: 272 stay secret
    private const int ShownCharacters = 8;
    private static readonly int Length = Beginning.Length + Base64Url.GetEncodedLength(RandomBytes);

    /// <summary>A new key from the system's random numbers.</summary>
    public static string Create() => Beginning + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));

    /// <summary>What a request shows as its key, in <c>Authorization</c> or in <c>X-Api-Key</c>. A query string would end up in logs and histories.</summary>
    /// <returns>Null where it shows none; empty where it shows something else.</returns>
    public static string? Shown(string? authorization, string? apiKey)
    {
        if (string.IsNullOrEmpty(authorization))
            return string.IsNullOrEmpty(apiKey) ? null : apiKey.Trim();
        return authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? authorization[Bearer.Length..].Trim() : "";
    }

    /// <summary>Whether a text can be a key at all.</summary>
    public static bool IsOne(string? text) =>
        text?.Length == Length && text.StartsWith(Beginning, StringComparison.Ordinal) && Base64Url.IsValid(text.AsSpan(Beginning.Length));

    /// <summary>The characters by which people tell keys apart: too few to guess the rest.</summary>
    public static string PrefixOf(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key[..(Beginning.Length + ShownCharacters)];
    }

    /// <summary>SHA-256 of a key: all that is kept of it.</summary>
    public static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
