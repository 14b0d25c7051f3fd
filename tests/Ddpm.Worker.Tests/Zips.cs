using System.IO.Compression;

namespace Ddpm.Worker.Tests;

/// <summary>Archives made for tests.</summary>
internal static class Zips
{
    public static byte[] Of(params IEnumerable<(string Name, byte[] Content)> files)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in files)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(content);
            }
        }

        return stream.ToArray();
    }

    /// <summary>A folder with all that is in it, under a top folder.</summary>
    public static IEnumerable<(string Name, byte[] Content)> Files(string folder, string top = "model/") =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(file => (top + Path.GetRelativePath(folder, file).Replace('\\', '/'), File.ReadAllBytes(file)));
}
