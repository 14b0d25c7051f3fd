using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Tests.Data;

public sealed class ArchiveSourceTests : IDisposable
{
    private static readonly string _emoji = Path.Combine(AppContext.BaseDirectory, "data", "emoji.zip");

    private readonly TemporaryFolder _folder = new();

    [Theory, InlineData("zip"), InlineData("tar"), InlineData("tar.gz")]
    public void Open_ListsByNameAndClass_WhateverTheOrderAndTheKind(string kind)
    {
        var path = Archive(kind, "top/b/2.png", "top/a/1.png", "top/b/.hidden", "__MACOSX/top/._1.png", "top/c.png");

        using var listing = new ArchiveSource(path).Open(CancellationToken.None);

        var entries = listing.Entries.ToList();
        Assert.Equal([("top/a/1.png", "a"), ("top/b/2.png", "b"), ("top/c.png", null)], entries.Select(entry => (entry.Name, entry.Class)));
        Assert.All(entries, entry => Assert.Equal(entry.Name, Encoding.UTF8.GetString(entry.Read())));
    }

    [Theory, InlineData("one/two/1.png one/two/2.png", null), InlineData("1.png one/2.png", null), InlineData("a/1.png b/2.png", "a"), InlineData("x/a/1.png x/b/2.png", "a")]
    public void Open_TakesFoldersThatAllFilesShareForNoClass(string names, string? firstClass)
    {
        using var listing = new ArchiveSource(Archive("zip", names.Split(' '))).Open(CancellationToken.None);

        Assert.Equal(firstClass, listing.Entries.First().Class);
    }

    [Theory, InlineData("zip"), InlineData("tar"), InlineData("tar.gz")]
    public void Read_RefusesPathsThatLeadOutside(string kind)
    {
        var path = Archive(kind, "../up.png", "a/../../up.png", "/etc/passwd", "C:/x.png", "good.png");

        using var listing = new ArchiveSource(path).Open(CancellationToken.None);

        Assert.Equal(5, listing.Count);
        foreach (var entry in listing.Entries)
        {
            if (entry.Name == "good.png")
                Assert.NotEmpty(entry.Read());
            else
                Assert.Contains("leads out", Assert.Throws<ImageDecodeException>(() => entry.Read()).Message);
        }
    }

    [Fact]
    public void Read_RefusesLinksAndDevicesOfATar()
    {
        using (var writer = new TarWriter(File.Create(_folder["links.tar"]), TarEntryFormat.Pax))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "a-link.png") { LinkName = "/etc/passwd" });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.HardLink, "b-hard.png") { LinkName = "/etc/passwd" });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.Fifo, "c-pipe.png"));
            writer.WriteEntry(new PaxTarEntry(TarEntryType.CharacterDevice, "d-device.png"));
        }

        using var listing = new ArchiveSource(_folder["links.tar"]).Open(CancellationToken.None);

        Assert.Equal(
            ["a symbolic link", "a hard link", "not an ordinary file", "not an ordinary file"],
            listing.Entries.Select(entry => Assert.Throws<ImageDecodeException>(() => entry.Read()).Message));
    }

    [Fact]
    public void Read_RefusesLinksOfAZip()
    {
        using (var zip = ZipFile.Open(_folder["links.zip"], ZipArchiveMode.Create))
            zip.CreateEntry("link.png").ExternalAttributes = unchecked((int)0xA1FF0000);

        using var listing = new ArchiveSource(_folder["links.zip"]).Open(CancellationToken.None);

        Assert.Equal("a symbolic link", Assert.Throws<ImageDecodeException>(() => listing.Entries.Single().Read()).Message);
    }

    [Fact]
    public void Read_NamesEncryptedFiles()
    {
        var bytes = File.ReadAllBytes(Archive("zip", "secret.png"));
        bytes[6] |= 1; // general purpose flag, bit 0: in the local header …
        bytes[bytes.AsSpan().LastIndexOf("PK\u0001\u0002"u8) + 8] |= 1; // … and in the central directory
        File.WriteAllBytes(_folder["secret.zip"], bytes);

        using var listing = new ArchiveSource(_folder["secret.zip"]).Open(CancellationToken.None);

        Assert.Equal("encrypted", Assert.Throws<ImageDecodeException>(() => listing.Entries.Single().Read()).Message);
    }

    [Theory, InlineData("zip"), InlineData("tar"), InlineData("tar.gz")]
    public void Open_Refuses_WhenThereAreTooManyEntries(string kind)
    {
        var source = new ArchiveSource(Archive(kind, "1", "2", "3")) { Limits = new ArchiveLimits { MaxEntries = 2 } };

        Assert.Contains("more than 2 entries", Assert.Throws<DatasetException>(() => source.Open(CancellationToken.None)).Message);
    }

    [Fact]
    public void Open_RefusesAZipOfTooManyEntries_BeforeListingThem()
    {
        var source = new ArchiveSource(Archive("zip", [.. Enumerable.Range(0, 20_000).Select(n => $"{n}")])) { Limits = new ArchiveLimits { MaxEntries = 2 } };

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<DatasetException>(() => source.Open(CancellationToken.None));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000); // listed they take 5 MB
    }

    [Fact]
    public void Open_CountsFoldersAndHeadersOfATar()
    {
        using (var writer = new TarWriter(File.Create(_folder["folders.tar"]), TarEntryFormat.Pax))
        {
            for (var n = 0; n < 2; n++)
            {
                writer.WriteEntry(new PaxGlobalExtendedAttributesTarEntry([new("comment", "none")]));
                writer.WriteEntry(new PaxTarEntry(TarEntryType.Directory, $"{n}/"));
            }
        }

        using (new ArchiveSource(_folder["folders.tar"]) { Limits = new ArchiveLimits { MaxEntries = 4 } }.Open(CancellationToken.None))
        {
        }
        var source = new ArchiveSource(_folder["folders.tar"]) { Limits = new ArchiveLimits { MaxEntries = 3 } };
        Assert.Contains("more than 3 entries", Assert.Throws<DatasetException>(() => source.Open(CancellationToken.None)).Message);
    }

    [Theory, InlineData("zip"), InlineData("tar.gz")]
    public void Read_Refuses_WhenTheArchiveExpandsTooFar(string kind)
    {
        var path = Archive(kind, ("bomb.png", new byte[10_000_000]));
        var source = new ArchiveSource(path) { Limits = new ArchiveLimits { RatioMattersFrom = 1_000_000 } };

        var exception = Assert.Throws<DatasetException>(() => DatasetBuilder.Build(source, new DatasetOptions(), _folder["set"], null, CancellationToken.None));

        Assert.Contains("expands to more", exception.Message);
    }

    [Theory]
    [InlineData("zip", 20_000, 1, long.MaxValue, 20_000)]
    [InlineData("tar", 20_000, 1, long.MaxValue, 20_000)]
    [InlineData("tar.gz", 20_000, 1, long.MaxValue, 20_000)]
    [InlineData("zip", 1, 1000, 20_000, 20_000)]
    [InlineData("zip", 30_000, 1, long.MaxValue, null)]
    [InlineData("zip", 1, 1000, long.MaxValue, null)]
    public void Build_Refuses_WhenThePicturesHaveTooManyPixelsForTheArchive(string kind, long always, double perByte, long most, int? limit)
    {
        var source = new ArchiveSource(Archive(kind, [.. Enumerable.Range(0, 3).Select(n => ($"{n}.png", SmallDataset.Plain(100, (byte)n)))]))
        {
            Limits = new ArchiveLimits { PixelRatioMattersFrom = always, MaxPixelsPerByte = perByte, MaxDecodedPixels = most },
        };
        DatasetManifest Build() => DatasetBuilder.Build(source, new DatasetOptions { Resolution = 8 }, _folder["set"], null, CancellationToken.None);

        if (limit is null)
            Assert.Equal(3, Build().Count);
        else
            Assert.Contains($"more than {limit:N0} pixels", Assert.Throws<DatasetException>(Build).Message);
    }

    [Fact]
    public void Read_RefusesFilesThatAreTooLarge()
    {
        using var listing = new ArchiveSource(Archive("zip", ("huge.png", new byte[(64 << 20) + 1]))).Open(CancellationToken.None);

        Assert.Equal("larger than 64 MiB", Assert.Throws<ImageDecodeException>(() => listing.Entries.Single().Read()).Message);
    }

    [Theory, InlineData("zip"), InlineData("tar"), InlineData("tar.gz")]
    public void Build_SaysSo_WhenTheArchiveIsEmpty(string kind)
    {
        var source = new ArchiveSource(Archive(kind, Array.Empty<string>()));

        var exception = Assert.Throws<DatasetException>(() => DatasetBuilder.Build(source, new DatasetOptions(), _folder["set"], null, CancellationToken.None));

        Assert.Equal("There are no files in the source.", exception.Message);
    }

    [Theory, InlineData("zip"), InlineData("tar"), InlineData("tar.gz")]
    public void Build_FailsOrSkips_WhenTheArchiveIsCutShort(string kind)
    {
        var noise = new byte[100_000];
        new Random(1).NextBytes(noise);
        var whole = File.ReadAllBytes(Archive(kind, ("a.png", noise), ("b.png", noise)));
        File.WriteAllBytes(_folder["cut"], whole[..(whole.Length / 3)]);

        Assert.Throws<DatasetException>(() =>
            DatasetBuilder.Build(new ArchiveSource(_folder["cut"]), new DatasetOptions(), _folder["set"], null, CancellationToken.None));
    }

    [Theory, InlineData(""), InlineData("hello"), InlineData("PK"), InlineData("\u001f\u008b")]
    public void Open_SaysSo_WhenItIsNoArchive(string content)
    {
        File.WriteAllBytes(_folder["x.zip"], Encoding.Latin1.GetBytes(content));

        Assert.Throws<DatasetException>(() => new ArchiveSource(_folder["x.zip"]).Open(CancellationToken.None));
    }

    [Fact]
    public void Open_SaysSo_WhenAGzipHoldsNoTar()
    {
        using (var gzip = new GZipStream(File.Create(_folder["x.gz"]), CompressionLevel.Fastest))
            gzip.Write(new byte[2000].Select(_ => (byte)'x').ToArray());

        Assert.Contains("neither", Assert.Throws<DatasetException>(() => new ArchiveSource(_folder["x.gz"]).Open(CancellationToken.None)).Message);
    }

    [Fact]
    public void Open_KeepsNoNameOfTheTemporaryFile_SoThatNothingIsLeftIfTheProcessIsKilled()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Open files keep their names on Windows.");
        var scratch = Directory.CreateDirectory(_folder["scratch"]).FullName;

        using var listing = new ArchiveSource(Archive("tar.gz", "1"), scratch).Open(CancellationToken.None);

        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch));
        Assert.NotEmpty(listing.Entries.Single().Read());
    }

    [Fact]
    public void Open_LeavesNoTemporaryFile()
    {
        var scratch = Directory.CreateDirectory(_folder["scratch"]).FullName;
        using (var listing = new ArchiveSource(Archive("tar.gz", "1"), scratch).Open(CancellationToken.None))
            Assert.NotEmpty(listing.Entries.Single().Read());

        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch));
    }

    [Fact]
    public void Open_AsksForRoom_BeforeItExpandsFurther()
    {
        var scratch = Directory.CreateDirectory(_folder["scratch"]).FullName;
        var (asked, full) = (0L, new IOException("no room"));
        var source = new ArchiveSource(Archive("tar.gz", ("a.png", new byte[5 << 20])), scratch)
        {
            MakeRoom = bytes => asked = asked + bytes <= 2 << 20 ? asked + bytes : throw full,
        };

        Assert.Same(full, Assert.Throws<IOException>(() => source.Open(CancellationToken.None)));
        Assert.Equal(2 << 20, asked);
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch));
    }

    [Fact]
    public void Build_MakesEmoji_TheSameFromAnArchiveAndAFolder()
    {
        ZipFile.ExtractToDirectory(_emoji, _folder["files"]);
        var options = new DatasetOptions { Resolution = 32 };

        var fromArchive = DatasetBuilder.Build(new ArchiveSource(_emoji), options, _folder["1"], null, CancellationToken.None);
        var fromFolder = DatasetBuilder.Build(new DirectorySource(_folder["files/emoji64"]), options, _folder["2"], null, CancellationToken.None);

        Assert.Equal((24, 1), (fromArchive.Count, fromArchive.SkippedCount));
        Assert.Equal("emoji64/LICENSE.txt", fromArchive.Skipped.Single().Name);
        Assert.Equal(fromFolder.Sha256, fromArchive.Sha256);
        Assert.Empty(fromArchive.Classes);
    }

    public void Dispose() => _folder.Dispose();

    private string Archive(string kind, params string[] names) => Archive(kind, [.. names.Select(name => (name, Encoding.UTF8.GetBytes(name)))]);

    private string Archive(string kind, params (string Name, byte[] Content)[] files)
    {
        var path = _folder[$"{Guid.NewGuid():N}.bin"]; // the name gives nothing away
        using Stream file = File.Create(path);
        if (kind == "zip")
        {
            using var zip = new ZipArchive(file, ZipArchiveMode.Create);
            foreach (var (name, content) in files)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(content);
            }
        }
        else
        {
            using var target = kind == "tar" ? file : new GZipStream(file, CompressionLevel.Fastest);
            using (var tar = new TarWriter(target, TarEntryFormat.Pax, leaveOpen: true))
            {
                foreach (var (name, content) in files)
                    tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
            }
            if (files.Length == 0)
                target.Write(new byte[1024]); // the end mark, which TarWriter leaves out of an archive without entries
        }
        return path;
    }
}
