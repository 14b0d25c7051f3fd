using System.Text;

namespace Ddpm.Jobs.Storage;

/// <summary>Text on its way into the database.</summary>
public static class DatabaseText
{
    private const char Replacement = '\uFFFD';

    /// <summary>The same with U+FFFD in the place of what PostgreSQL refuses in any text: U+0000, and halves of characters.</summary>
    public static string Storable(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Replace('\0', Replacement);
    }
}
