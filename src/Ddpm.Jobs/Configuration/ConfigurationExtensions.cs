using Microsoft.Extensions.Configuration;

namespace Ddpm.Jobs.Configuration;

/// <summary>Reads settings that several processes share in one way.</summary>
public static class ConfigurationExtensions
{
    /// <summary>A setting that is on or off; <paramref name="otherwise"/> where it is missing or empty.</summary>
    /// <exception cref="InvalidOperationException">It is neither true nor false; the message names it.</exception>
    public static bool Switch(this IConfiguration configuration, string key, bool otherwise)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration[key] is not { } text || string.IsNullOrWhiteSpace(text) ? otherwise
            : bool.TryParse(text, out var on) ? on : throw new InvalidOperationException($"{key} is '{text.Trim()}'; true or false is accepted.");
    }
}
