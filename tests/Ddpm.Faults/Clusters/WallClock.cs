using Ddpm.TestSupport;

namespace Ddpm.Faults.Clusters;

/// <summary>The time of day that one program of a cluster sees, through all its starts. What it measures durations by stays as it is.</summary>
/// <param name="file">Says how far it is ahead; made here.</param>
internal sealed class WallClock(string file)
{
    private static readonly Lazy<Task<string?>> Library = new(CompileAsync);

    /// <summary>How far it is ahead of the machine's.</summary>
    public TimeSpan Ahead { get; private set; }

    /// <summary>Whether it can be set: a small library has to be compiled for that.</summary>
    public static async Task<bool> IsPossibleAsync() => await Library.Value is not null;

    /// <summary>Sets it, whether or not the program runs.</summary>
    public void Set(TimeSpan ahead)
    {
        using var open = new FileStream(file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        open.Write(BitConverter.GetBytes((long)ahead.TotalSeconds)); // in place: the program has it in its memory
        Ahead = ahead;
    }

    /// <summary>Environment variables for the program; none where it cannot be set.</summary>
    public async Task<Dictionary<string, string>> SettingsAsync()
    {
        Set(TimeSpan.Zero);
        return await Library.Value is { } library ? new() { ["LD_PRELOAD"] = library, ["DDPM_WALL_CLOCK"] = file } : [];
    }

    private static async Task<string?> CompileAsync()
    {
        var library = Path.Combine(AppContext.BaseDirectory, "wallclock.so");
        foreach (var compiler in new[] { "cc", "gcc", "tcc" })
        {
            try
            {
                await Programs.RunAsync(compiler, ["-shared", "-fPIC", "-nostdlib", "-o", library, Path.Combine(AppContext.BaseDirectory, "wallclock.c")]);
                return library;
            }
            catch (InvalidOperationException missing)
            {
                Console.WriteLine($"{compiler} makes no library that shows another time of day: {missing.Message}");
            }
        }

        return null;
    }
}
