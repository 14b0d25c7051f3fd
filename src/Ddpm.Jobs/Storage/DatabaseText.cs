namespace Ddpm.Jobs.Storage;

/// <summary>Text on its way into the database.</summary>
public static class DatabaseText
{
    private const char Replacement = '\uFFFD';

    /// <summary>The same with U+FFFD in the place of U+0000, which PostgreSQL refuses in any text.</summary>
    public static string Storable(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Replace('\0', Replacement);
    }
}
