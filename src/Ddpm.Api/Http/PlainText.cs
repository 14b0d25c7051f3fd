namespace Ddpm.Api.Http;

/// <summary>Text of a request, fit to be quoted in an answer and a log.</summary>
internal static class PlainText
{
    /// <summary>The same with a space for every control character.</summary>
    public static string Of(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(letter => char.IsControl(letter) ? ' ' : letter)) : text;
}
