using System.IO.Compression;

namespace Ddpm.Engine.Tests;

public sealed class ZipDirectoryTests
{
    [Theory, InlineData(0), InlineData(3), InlineData(65_534), InlineData(65_535), InlineData(70_000)] // from 65,535 on the number is in the zip64 record
    public void AnnouncedEntries_AreThoseOfTheZip(int count) => Assert.Equal((ulong)count, ZipDirectory.AnnouncedEntries(Zip(count)));

    [Fact]
    public void AnnouncedEntries_AreFoundBeforeAComment() =>
        Assert.Equal(3UL, ZipDirectory.AnnouncedEntries(Zip(3, comment: new string('x', ushort.MaxValue))));

    [Theory, InlineData(0), InlineData(10), InlineData(1000)]
    public void AnnouncedEntries_AreNone_WhereThereIsNoZip(int bytes) => Assert.Equal(0UL, ZipDirectory.AnnouncedEntries(new MemoryStream(new byte[bytes])));

    [Fact]
    public void ZipArchive_GivesUp_WhereThereAreMoreThanAnnounced()
    {
        var bytes = Zip(60_000).ToArray();
        var end = bytes.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        new byte[] { 1, 0, 1, 0 }.CopyTo(bytes, end + 8);
        Assert.Equal(1UL, ZipDirectory.AnnouncedEntries(new MemoryStream(bytes)));

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidDataException>(() => new ZipArchive(new MemoryStream(bytes)).Entries.Count);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    private static MemoryStream Zip(int count, string comment = "")
    {
        var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            for (var n = 0; n < count; n++)
                zip.CreateEntry($"{n}");
            zip.Comment = comment;
        }
        return stream;
    }
}
