using System.Text.RegularExpressions;

namespace Ddpm.Engine;

/// <summary>What a person is told about a file that is refused. Files are not trusted: what is quoted of them is bounded and holds nothing but text.</summary>
internal static partial class Refusal
{
    private const int Longest = 1000;
    private const int Beginning = 600;

    /// <summary>The sentence without line ends and other control characters, and without its middle where a file has made it long.</summary>
    public static string Sentence(string text)
    {
        if (text.Length > Longest)
        {
            var (left, right) = (Beginning, text.Length - Longest + Beginning + 1);
            text = $"{text[..(char.IsHighSurrogate(text[left - 1]) ? left - 1 : left)]}…{text[(char.IsLowSurrogate(text[right]) ? right + 1 : right)..]}";
        }

        return text.Any(char.IsControl) ? string.Concat(text.Select(letter => char.IsControl(letter) ? ' ' : letter)) : text;
    }

    /// <summary>What is wrong with JSON, in the words of JSON; the serializer speaks of .NET's types.</summary>
    /// <param name="fault">Of the serializer.</param>
    public static string OfJson(Exception fault)
    {
        var text = fault.Message.Split(" Path:")[0].Split(" LineNumber:")[0];
        if (text.Contains("UTF-16", StringComparison.Ordinal) || text.Contains("UTF-8", StringComparison.Ordinal))
            return "it holds text that is not valid Unicode.";
        if (text.Contains("could not be mapped", StringComparison.Ordinal))
            return "it is not a key that is known here.";
        if (MissingKeys().Match(text) is { Success: true } missing)
            return $"it lacks {missing.Groups[1].Value}.";
        if (text.Contains("doesn't allow setting null", StringComparison.Ordinal))
            return "it must not be null.";
        return WrongType().Match(text) is { Success: true } wrong ? $"{Needed(wrong.Groups[1].Value)} is needed." : text;
    }

    private static string Needed(string type) => type switch
    {
        _ when type.Contains("List", StringComparison.Ordinal) || type.Contains("[]", StringComparison.Ordinal) => "a list",
        _ when type.Contains("Int", StringComparison.Ordinal) => "a whole number of at most 32 bits",
        _ when type.Contains("Double", StringComparison.Ordinal) || type.Contains("Single", StringComparison.Ordinal) => "a number",
        _ when type.Contains("Boolean", StringComparison.Ordinal) => "true or false",
        _ when type.Contains("String", StringComparison.Ordinal) => "text",
        _ => "an object",
    };

    [GeneratedRegex("missing required properties including: (.*?)\\.?$")]
    private static partial Regex MissingKeys();

    [GeneratedRegex("(?:could not be converted to|cannot be converted to an?|must be of type) '?(.+?)'?\\.?$")]
    private static partial Regex WrongType();
}
