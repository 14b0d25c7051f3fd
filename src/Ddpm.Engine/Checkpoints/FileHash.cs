using System.Security.Cryptography;

namespace Ddpm.Engine.Checkpoints;

/// <summary>What tells a file from a damaged copy of it.</summary>
internal static class FileHash
{
    /// <summary>SHA-256 of the content, lower-case hexadecimal.</summary>
    public static string Sha256(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
