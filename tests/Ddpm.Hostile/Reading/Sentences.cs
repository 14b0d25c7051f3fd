namespace Ddpm.Hostile.Reading;

/// <summary>Whether a refusal is something that can be shown to a person.</summary>
internal static class Sentences
{
    private const int Longest = 2000;

    private static readonly string[] _ofPrograms = ["Exception", "System.", "   at ", "Ddpm.", "/tmp/"];

    /// <returns>Null for a clear sentence, else what is wrong with it.</returns>
    public static string? Fault(string refusal) =>
        refusal.Length is < 15 or > Longest ? $"It has {refusal.Length} characters: {refusal[..Math.Min(100, refusal.Length)]}"
        : refusal.TrimEnd()[^1] is not ('.' or ')' or '"' or '\'') ? "It does not end as a sentence does."
        : refusal.Any(c => char.IsControl(c)) ? "It holds control characters."
        : _ofPrograms.FirstOrDefault(word => refusal.Contains(word, StringComparison.Ordinal)) is { } word ? $"It says '{word}'." : null;
}
