using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Tests.Data;

public sealed class DirectorySourceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Open_ListsFilesInNameOrder_WithTheirFirstFolderAsClass()
    {
        Write("b/1.png", "a.png", "b/deep/2.png", "B/3.png", "b.png", ".hidden/4.png", "b/.DS_Store", "__MACOSX/5.png");

        using var listing = new DirectorySource(_folder.Path).Open(CancellationToken.None);

        Assert.Equal(5, listing.Count);
        Assert.Equal(
            [("B/3.png", "B"), ("a.png", null), ("b.png", null), ("b/1.png", "b"), ("b/deep/2.png", "b")],
            listing.Entries.Select(entry => (entry.Name, entry.Class)));
    }

    [Fact]
    public void Read_GivesTheContent()
    {
        Write("a.png");

        using var listing = new DirectorySource(_folder.Path).Open(CancellationToken.None);

        Assert.Equal("a.png"u8.ToArray(), listing.Entries.Single().Read());
    }

    [Fact]
    public void Read_Refuses_SymbolicLinks()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs a privilege on Windows.");
        Write("real/a.png");
        File.CreateSymbolicLink(_folder["link.png"], "/etc/hostname");
        Directory.CreateSymbolicLink(_folder["loop"], _folder.Path);

        using var listing = new DirectorySource(_folder.Path).Open(CancellationToken.None);

        var links = listing.Entries.Where(entry => entry.Name is "link.png" or "loop").ToList();
        Assert.Equal(3, listing.Count);
        Assert.Equal(2, links.Count);
        Assert.All(links, entry => Assert.Equal("a symbolic link", Assert.Throws<ImageDecodeException>(() => entry.Read()).Message));
    }

    [Fact]
    public void Read_NamesFoldersThatCannotBeRead()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "This user can read every folder.");
        if (OperatingSystem.IsWindows())
            return;
        Write("a/1.png", "b/2.png");
        var readable = File.GetUnixFileMode(_folder["b"]);
        File.SetUnixFileMode(_folder["b"], UnixFileMode.None);
        try
        {
            using var listing = new DirectorySource(_folder.Path).Open(CancellationToken.None);

            Assert.Equal(["a/1.png", "b"], listing.Entries.Select(entry => entry.Name));
            Assert.Equal("the folder cannot be read", Assert.Throws<ImageDecodeException>(() => listing.Entries.Last().Read()).Message);
        }
        finally
        {
            File.SetUnixFileMode(_folder["b"], readable);
        }
    }

    [Fact]
    public void Open_SaysSo_WhenThereIsNoFolder() =>
        Assert.Contains("is not a folder", Assert.Throws<DatasetException>(() => new DirectorySource(_folder["none"]).Open(CancellationToken.None)).Message);

    public void Dispose() => _folder.Dispose();

    private void Write(params string[] names)
    {
        foreach (var name in names)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
            File.WriteAllText(_folder[name], name);
        }
    }
}
