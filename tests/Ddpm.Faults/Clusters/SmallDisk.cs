using System.Globalization;
using Ddpm.TestSupport;

namespace Ddpm.Faults.Clusters;

/// <summary>A file system of its own in memory that is soon full.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>Where it is.</summary>
    public string Path => _folder.Path;

    private string Ballast => _folder.At("ballast");

    /// <summary>Makes one.</summary>
    /// <exception cref="MountRefusedException">This user may not.</exception>
    public static async Task<SmallDisk> MountAsync(int mebibytes)
    {
        var disk = new SmallDisk();
        try
        {
            await Programs.RunAsync("mount", ["-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={mebibytes}m"), "tmpfs", disk.Path]);
            return disk;
        }
        catch (InvalidOperationException refused)
        {
            disk._folder.Dispose();
            throw new MountRefusedException($"A small file system cannot be mounted: {refused.Message}", refused);
        }
    }

    /// <summary>Leaves no byte free.</summary>
    public void Fill()
    {
        using var file = new FileStream(Ballast, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[1 << 16];
        try
        {
            while (true)
                file.Write(block);
        }
        catch (IOException)
        {
            // It is full.
        }
    }

    /// <summary>Gives all of it back.</summary>
    public void Free() => File.Delete(Ballast);

    public async ValueTask DisposeAsync()
    {
        await Programs.RunAsync("umount", ["-l", Path]);
        _folder.Dispose();
    }
}

/// <summary>This user may mount no file system.</summary>
internal sealed class MountRefusedException(string message, Exception cause) : Exception(message, cause);
