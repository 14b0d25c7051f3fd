using System.IO.Compression;

namespace Ddpm.Hostile.Corpus;

/// <summary>Zips of pictures that are out to do harm.</summary>
internal static class ZipInputs
{
    private static readonly byte[] _picture = Png.Grey();
    private static readonly byte[] _padded = Png.Of(Png.Header(8, 8), Png.Chunk("tEXt", new byte[1000]), Png.Data(Png.Rows(8, 8)), Png.End);

    private static readonly Lazy<byte[]> _large = new(() => Png.Of(Png.Header(7_680, 7_680), Png.Chunk("IDAT", Png.Zeros(7_681L * 7_680)), Png.End));

    private static RawZipEntry Good { get; } = new("good.png", _picture);

    public static IEnumerable<HostileInput> All()
    {
        HostileInput Zip(string name, Func<byte[]> content, string? refusal) => HostileInput.Of(InputKind.Archive, $"zip {name}", content, refusal);
        HostileInput Alone(string name, RawZipEntry entry, string refusal) => Zip(name, () => RawZip.Of(entry), refusal);

        yield return Zip("sound", () => RawZip.Of(Good), null);
        foreach (var path in new[] { "../up.png", "a/../../up.png", "/etc/cron.d/x.png", "C:/x.png", "C:\\x.png", "..\\..\\up.png", "\\\\server\\share\\x.png", "//x.png", "a/b/../../../x.png" })
            yield return Alone($"path {path}", Good with { Name = path }, "leads out of the archive");
        yield return Zip("path beside a good file", () => RawZip.Of(Good, Good with { Name = "../up.png" }), null);
        yield return Zip("path of dots only", () => RawZip.Of(Good with { Name = "././a.png" }), null);
        yield return Zip("name with NUL", () => RawZip.Of(Good with { Name = "a\0b.png" }), null);
        yield return Zip("name with control characters", () => RawZip.Of(Good with { Name = "\u001b[31m\r\n.png" }), null);
        yield return Zip("name that turns round", () => RawZip.Of(Good with { Name = "a\u202Egnp.exe" }), null);
        yield return Zip("name of 65,000 letters", () => RawZip.Of(Good with { Name = new string('n', 65_000) }), null);
        yield return Zip("name of 20,000 folders", () => RawZip.Of(Good with { Name = string.Concat(Enumerable.Repeat("a/", 20_000)) + "x.png" }), null);
        yield return Alone("empty name", Good with { Name = "" }, "There are no files");
        yield return Alone("folder only", new RawZipEntry("folder/", []), "There are no files");
        yield return Alone("hidden only", Good with { Name = ".good.png" }, "There are no files");
        yield return Zip("invalid UTF-8 in a name", () => Replace(RawZip.Of(Good with { Name = "aaaa.png" }), "aaaa"u8, [0xFF, 0xFE, 0xC0, 0x80]), null);

        yield return Alone("link", Good with { Attributes = 0xA1FF0000 }, "a symbolic link");
        foreach (var (kind, mode) in new[] { ("fifo", 0x1000u), ("character device", 0x2000u), ("block device", 0x6000u), ("socket", 0xC000u) })
            yield return Alone(kind, Good with { Attributes = (mode | 0x1FF) << 16 }, "not an ordinary file");
        yield return Alone("encrypted", Good with { Flags = 0x801 }, "encrypted");
        yield return Alone("strongly encrypted", Good with { Flags = 0x841 }, "encrypted");
        yield return Alone("AES", Good with { Flags = 0x801, Method = 99 }, "encrypted");
        foreach (var method in new ushort[] { 1, 6, 9, 12, 14, 93, 95, 96, 99, 65535 })
            yield return Alone($"method {method}", Good with { Method = method }, "cannot be read");
        yield return Alone("method 8 without deflate", Good with { Method = 8 }, "skipped");

        yield return Zip("two of a name", () => RawZip.Of(Good, Good), null);
        yield return Zip("names that differ in case", () => RawZip.Of(Good, Good with { Name = "GOOD.PNG" }), null);
        yield return Zip("file and folder of a name", () => RawZip.Of(Good with { Name = "a" }, Good with { Name = "a/b.png" }), null);
        yield return Zip("two names for one file", () => RawZip.Of(Good with { OtherName = "evil.sh" }), null);
        yield return Zip("all entries at one place, and as many bytes elsewhere", () => RawZip.Of(Enumerable.Range(0, 1000).Select(n => Good with { Name = $"{n}.png", Offset = 0 })), null);
        yield return Zip("all entries at one place", () => RawZip.Of(Enumerable.Range(0, 1000).Select(n => Good with { Name = $"{n}.png", Offset = 0, Stored = n == 0 ? _padded : [], StoredSize = (uint)_padded.Length, Size = (uint)_padded.Length })), "they overlap");

        yield return Zip("twenty pictures of 59 megapixels", Large, null) with { IsHeavy = true };
        byte[] Large() => RawZip.Of(Enumerable.Range(0, 20).Select(n => Good with { Name = $"{n}.png", Stored = _large.Value }));

        yield return Alone("size of 4 GiB announced", Good with { Size = 0xFFFFFFFE }, "larger than 64 MiB");
        yield return Alone("size of nothing announced", Good with { Size = 0 }, "skipped");
        yield return Alone("stored size beyond the end", Good with { StoredSize = 0x7FFFFFFF }, "skipped");
        yield return Alone("offset beyond the end", Good with { Offset = 0x7FFFFFFF }, "skipped");
        yield return Alone("offset into itself", Good with { Offset = 10 }, "skipped");
        yield return Zip("wrong CRC", () => RawZip.Of(Good with { Crc = 1 }), null); // not looked at: a picture has checksums of its own
        yield return Alone("zip64 sizes of 2^63", Good with { Size = uint.MaxValue, StoredSize = uint.MaxValue, Extra = Zip64(long.MinValue, long.MinValue) }, "skipped");
        yield return Alone("zip64 sizes of 2^63-1", Good with { Size = uint.MaxValue, StoredSize = uint.MaxValue, Extra = Zip64(long.MaxValue, long.MaxValue) }, "skipped");
        yield return Alone("zip64 without its field", Good with { Size = uint.MaxValue, StoredSize = uint.MaxValue }, "skipped");
        yield return Zip("extra field that is too long", () => RawZip.Of(Good with { Extra = [1, 0, 0xFF, 0xFF] }), null);
        yield return Zip("comments of 64 KiB", () => RawZip.Of(Good with { Comment = new byte[65_535] }), null);

        yield return Zip("more entries than announced", () => RawZip.Write([Good, Good with { Name = "b.png" }], 1), "damaged");
        yield return Zip("fewer entries than announced", () => RawZip.Write([Good], 2), "damaged");
        yield return Zip("list beyond the end", () => RawZip.Write([Good], null, 0x7FFFFFF0), "damaged");
        yield return Zip("list at the beginning", () => RawZip.Write([Good], null, 0), "damaged");
        yield return Zip("an end in the comment", () => RawZip.Write([Good], null, comment: [.. "PK\u0005\u0006"u8, .. new byte[18]]), "There are no files");
        yield return Zip("zip in a zip", () => RawZip.Of(new RawZipEntry("inner.zip", RawZip.Of(Good))), "not a picture");
        yield return Zip("empty", () => RawZip.Of(), "There are no files");
        yield return Zip("picture in front", () => [.. _picture, .. RawZip.Of(Good)], "neither a zip nor a tar");
        foreach (var eighth in Enumerable.Range(1, 7))
            yield return Zip($"cut after {eighth} eighths", () => RawZip.Of(Good, Good with { Name = "b.png" }) is var zip ? zip[..(zip.Length * eighth / 8)] : [], "damaged");
        yield return Zip("text in it", () => RawZip.Of(new RawZipEntry("a.png", "meow"u8.ToArray())), "not a picture");

        yield return new HostileInput(InputKind.Archive, "zip bomb of one file", path => Deflated(path, 1, 1L << 30), "larger than 64 MiB") { IsHeavy = true };
        yield return new HostileInput(InputKind.Archive, "zip bomb of 300 files", path => Deflated(path, 300, 50 << 20), "expands to more") { IsHeavy = true };
        yield return new HostileInput(InputKind.Archive, "zip of 1,000,001 entries", path => Many(path, 1_000_001), "more than 1,000,000 entries") { IsHeavy = true };
        yield return new HostileInput(InputKind.Archive, "zip of 1,000,000 entries", path => Many(path, 1_000_000), "all 1000000 files were skipped") { IsHeavy = true };
        yield return new HostileInput(InputKind.Archive, "zip of names of 256 MB", path => LongNames(path, 4_000), "names") { IsHeavy = true };
    }

    internal static byte[] Replace(byte[] bytes, ReadOnlySpan<byte> what, byte[] with)
    {
        for (var at = bytes.AsSpan().IndexOf(what); at >= 0; at = bytes.AsSpan().IndexOf(what))
            with.CopyTo(bytes, at);
        return bytes;
    }

    private static byte[] Zip64(long size, long stored) => [1, 0, 16, 0, .. BitConverter.GetBytes(size), .. BitConverter.GetBytes(stored)];

    private static void Deflated(string path, int files, long bytes)
    {
        using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
        var block = new byte[1 << 20];
        for (var n = 0; n < files; n++)
        {
            using var entry = zip.CreateEntry($"{n:000}.png", CompressionLevel.Optimal).Open();
            for (var left = bytes; left > 0; left -= block.Length)
                entry.Write(block, 0, (int)Math.Min(left, block.Length));
        }
    }

    // Its end counts past 65,535 in the zip64 record that ZipArchive writes.
    private static void Many(string path, int entries)
    {
        using var file = new BufferedStream(File.Create(path), 1 << 20);
        var head = RawZip.Of(new RawZipEntry("x", []));
        const int local = 31, central = 47;
        file.Write(head, 0, local);
        var entry = head.AsSpan(local, central).ToArray();
        for (var n = 0; n < entries; n++)
            file.Write(entry);
        var size = (long)entries * central;
        Span<byte> end = [.. "PK\u0006\u0006"u8, .. BitConverter.GetBytes(44L), 45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            .. BitConverter.GetBytes((long)entries), .. BitConverter.GetBytes((long)entries), .. BitConverter.GetBytes(size), .. BitConverter.GetBytes((long)local),
            .. "PK\u0006\u0007"u8, 0, 0, 0, 0, .. BitConverter.GetBytes(local + size), 1, 0, 0, 0,
            .. "PK\u0005\u0006"u8, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0];
        file.Write(end);
    }

    private static void LongNames(string path, int entries)
    {
        using var file = File.Create(path);
        RawZip.Write(file, [.. Enumerable.Range(0, entries).Select(n => new RawZipEntry($"{n}/{new string('n', 65_000)}.png", []) { OtherName = "x" })]);
    }
}
