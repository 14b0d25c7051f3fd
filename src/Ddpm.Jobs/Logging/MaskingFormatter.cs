using System.Globalization;
using System.Text.RegularExpressions;
using Serilog.Events;
using Serilog.Formatting;

namespace Ddpm.Jobs.Logging;

/// <summary>Writes lines without the secrets that got into them by mistake, whoever logged them and wherever in a line they stand: API keys, a hub's tokens, passwords of connection strings.</summary>
/// <param name="lines">Writes the lines.</param>
internal sealed partial class MaskingFormatter(ITextFormatter lines) : ITextFormatter
{
    public void Format(LogEvent logEvent, TextWriter output)
    {
        using var line = new StringWriter(CultureInfo.InvariantCulture);
        lines.Format(logEvent, line);
        output.Write(Mask(line.ToString()));
    }

    // The first characters of a key stay: by them its owner knows which it is.
    internal static string Mask(string text) => Secret().Replace(text, "***");

    [GeneratedRegex("""(?<=\bddpm_[\w-]{8})[\w-]{20,}|(?<=\bhf_)\w{16,}|(?<=\b(?:password|pwd|psw)\s*=\s*)(?:'[^']*'|\\?"[^"]*"|[^\s;"'][^;"'\r\n]*)|(?<=\bddpm-session=)[^;"'\s]+|(?<=\bBearer )[^\s"',;]{8,}""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Secret();
}
