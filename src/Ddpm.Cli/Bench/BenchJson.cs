using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ddpm.Cli.Bench;

/// <summary>Results for programs.</summary>
internal static class BenchJson
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        // A check that met something that is not a number must be able to say so.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // no page shows it
    };

    public static string Of<T>(T result) => JsonSerializer.Serialize(result, Options);
}
