using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Ddpm;

/// <summary>Makes files and their names survive a loss of power: what a rename has published is there afterwards, with its content, or nothing is.</summary>
/// <remarks>Compiled into each project that publishes files. A name is an entry of its folder, and lost with it unless the folder is flushed too. Windows keeps its
/// own journal of names, and has no way to flush a folder.</remarks>
internal static partial class Durable
{
    private const int ReadOnly = 0;

    /// <summary>Makes a folder with all that lead to it, each name flushed.</summary>
    public static void CreateFolder(string path)
    {
        path = Path.GetFullPath(path);
        if (Directory.Exists(path))
            return;
        var parent = Path.GetDirectoryName(path);
        if (parent is not null)
            CreateFolder(parent);
        Directory.CreateDirectory(path);
        if (parent is not null)
            Flush(parent);
    }

    /// <summary>Renames a file or folder whose content may still be on its way to the disk: content first, then the name, then the folder that has it.</summary>
    /// <param name="from">On the same file system. A folder is flushed with all that is in it.</param>
    /// <param name="to">Its new name. A file there is replaced, a folder there is not.</param>
    public static void Move(string from, string to)
    {
        CreateFolder(Path.GetDirectoryName(Path.GetFullPath(to))!);
        if (Directory.Exists(from))
        {
            FlushAll(from);
            Directory.Move(from, to);
        }
        else
        {
            Flush(from);
            File.Move(from, to, overwrite: true);
        }

        Flush(Path.GetDirectoryName(Path.GetFullPath(to))!);
    }

    private static void FlushAll(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder))
            Flush(file);
        foreach (var inner in Directory.EnumerateDirectories(folder))
            FlushAll(inner);
        Flush(folder);
    }

    // .NET opens no folders.
    private static void Flush(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        var file = Open(path, ReadOnly);
        var failure = file < 0 || Sync(file) != 0 ? Marshal.GetLastPInvokeError() : 0;
        if (file >= 0)
            _ = Close(file);
        if (failure != 0)
            throw new IOException($"{path} cannot be flushed to the disk: {new Win32Exception(failure).Message}.", failure);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int file);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
