using System.Text.RegularExpressions;

namespace Ddpm.Engine.Checkpoints;

/// <summary>JSON as Python writes it: diffusers' DPM-Solver saves <c>"lambda_min_clipped": -Infinity</c>, which JSON has no word for.</summary>
internal static partial class PythonJson
{
    /// <summary>The same text with <c>null</c> for every Infinity and NaN outside of strings.</summary>
    public static string ToJson(string text) =>
        text.Contains("Infinity", StringComparison.Ordinal) || text.Contains("NaN", StringComparison.Ordinal)
            ? StringOrWord().Replace(text, match => match.Value[0] == '"' ? match.Value : "null")
            : text;

    // A string that does not end is taken to the end of the text: to look for its end from every quote in it would take hours.
    [GeneratedRegex("""(?s)"(?>(?:[^"\\]|\\.)*)"?|-?Infinity|NaN""")]
    private static partial Regex StringOrWord();
}
