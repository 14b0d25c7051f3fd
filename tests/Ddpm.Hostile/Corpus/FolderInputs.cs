namespace Ddpm.Hostile.Corpus;

/// <summary>Folders of pictures that are out to do harm.</summary>
internal static class FolderInputs
{
    public static IEnumerable<HostileInput> All()
    {
        yield return new HostileInput(InputKind.Folder, "link to a file outside", path => File.CreateSymbolicLink(Path.Combine(path, "a.png"), "/etc/passwd"), "a symbolic link");
        yield return new HostileInput(InputKind.Folder, "link to a folder outside", path => Directory.CreateSymbolicLink(Path.Combine(path, "a"), "/etc"), "a symbolic link");
        yield return new HostileInput(InputKind.Folder, "link to itself", path => Directory.CreateSymbolicLink(Path.Combine(path, "a"), path), "a symbolic link");
        yield return new HostileInput(InputKind.Folder, "link to nothing", path => File.CreateSymbolicLink(Path.Combine(path, "a.png"), "/nowhere/at/all"), "a symbolic link");
        yield return new HostileInput(InputKind.Folder, "link to a device that never ends", path => File.CreateSymbolicLink(Path.Combine(path, "a.png"), "/dev/zero"), "a symbolic link");
        yield return new HostileInput(InputKind.Folder, "file with holes of 1 TB", path =>
        {
            using var file = File.Create(Path.Combine(path, "a.png"));
            file.SetLength(1L << 40);
        }, "larger than 64 MiB");
        yield return new HostileInput(InputKind.Folder, "folders 500 deep", path =>
        {
            var deep = Directory.CreateDirectory(Path.Combine(path, string.Join('/', Enumerable.Repeat("d", 500)))).FullName;
            File.WriteAllBytes(Path.Combine(deep, "a.png"), Png.Grey());
        }, null);
        yield return new HostileInput(InputKind.Folder, "names of all kinds", path =>
        {
            foreach (var name in new[] { "a\nb.png", "\u202E.png", " .png", "-rf.png", "$(id).png", new string('n', 255) })
                File.WriteAllBytes(Path.Combine(path, name), Png.Grey());
        }, null);
    }
}
