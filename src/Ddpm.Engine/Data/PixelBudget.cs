namespace Ddpm.Engine.Data;

/// <summary>Counts the pixels that a dataset decodes: files of a few kilobytes can have 64 million each, and a million of them would take days.</summary>
/// <param name="most">How many altogether.</param>
internal sealed class PixelBudget(long most)
{
    private long _spent;

    /// <summary>To be called before a picture is decoded. Safe from several threads.</summary>
    /// <exception cref="DatasetException">All pictures so far have too many.</exception>
    public void Spend(long picture)
    {
        if (Interlocked.Add(ref _spent, picture) > most)
            throw new DatasetException($"The pictures have more than {most:N0} pixels together, which is the limit for a source of this size.");
    }
}
