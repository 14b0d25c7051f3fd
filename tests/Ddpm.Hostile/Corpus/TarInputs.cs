namespace Ddpm.Hostile.Corpus;

/// <summary>Tars and tar.gz of pictures that are out to do harm.</summary>
internal static class TarInputs
{
    private static readonly byte[] _picture = Png.Grey();

    private static byte[] Good => RawTar.File("good.png", _picture);

    public static IEnumerable<HostileInput> All()
    {
        HostileInput Tar(string name, Func<byte[]> content, string? refusal) => HostileInput.Of(InputKind.Archive, $"tar {name}", content, refusal);
        HostileInput Gzip(string name, Func<byte[]> content, string? refusal) => HostileInput.Of(InputKind.Archive, $"tar.gz {name}", content, refusal);

        yield return Tar("sound", () => RawTar.Of(Good), null);
        foreach (var path in new[] { "../up.png", "a/../../up.png", "/etc/cron.d/x.png", "./../x.png", "C:/x.png" })
            yield return Tar($"path {path}", () => RawTar.Of(RawTar.File(path, _picture)), "leads out of the archive");
        yield return Tar("path in a pax header", () => RawTar.Of(RawTar.Pax("path", "../../up.png"), Good), "leads out of the archive");
        yield return Tar("path in the prefix", () => RawTar.Of([.. RawTar.Header("x.png", '0', RawTar.Octal(_picture.Length), prefix: ".."), .. RawTar.File("x", _picture)[512..]]), "leads out of the archive");
        yield return Tar("path in a GNU long name", () => RawTar.Of(RawTar.Entry("././@LongLink", 'L', "../../up.png\0"u8.ToArray()), Good), "leads out of the archive");

        foreach (var (kind, type, refusal) in new[] { ("link", '2', "a symbolic link"), ("hard link", '1', "a hard link"), ("character device", '3', "not an ordinary file"), ("block device", '4', "not an ordinary file"), ("fifo", '6', "not an ordinary file") })
            yield return Tar(kind, () => RawTar.Of(RawTar.Entry("a.png", type, [], "/etc/passwd")), refusal);
        yield return Tar("link, then a file of its name", () => RawTar.Of(RawTar.Entry("a.png", '2', [], "/tmp"), RawTar.File("a.png", _picture)), null);
        yield return Tar("two of a name", () => RawTar.Of(Good, Good), null);
        yield return Tar("unknown type", () => RawTar.Of(RawTar.Entry("a.png", 'Z', _picture)), "not an ordinary file");
        yield return Tar("sparse file", () => RawTar.Of(RawTar.Entry("a.png", 'S', _picture)), "damaged");
        yield return Tar("multi-volume", () => RawTar.Of(RawTar.Entry("a.png", 'M', _picture)), "not an ordinary file");

        foreach (var (name, size) in new[] { ("8 GiB", "77777777777"), ("no number", "hello world"), ("negative", "-0000000001"), ("binary 2^63-1", "\u0080\0\0\0\u007f\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff"), ("binary negative", "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00fe"), ("binary beyond 64 bits", "\u0080\u007f\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff") })
            yield return Tar($"size {name}", () => RawTar.Of(RawTar.Header("a.png", '0', size)), "");
        foreach (var value in new[] { "-1", "9223372036854775807", "99999999999999999999", "x", "" })
            yield return Tar($"pax size '{value}'", () => RawTar.Of(RawTar.Pax("size", value), Good), "");
        yield return Tar("pax without length", () => RawTar.Of(RawTar.Entry("pax", 'x', "path=a\n"u8.ToArray()), Good), "");
        yield return Tar("pax with a wrong length", () => RawTar.Of(RawTar.Entry("pax", 'x', "99 path=a\n"u8.ToArray()), Good), "");
        yield return Tar("pax with a length of 2^63", () => RawTar.Of(RawTar.Entry("pax", 'x', "9223372036854775808 path=a\n"u8.ToArray()), Good), "");
        yield return Tar("pax of the same key twice", () => RawTar.Of(RawTar.Entry("pax", 'x', [.. RawTar.Record("path", "a.png"), .. RawTar.Record("path", "../b.png")]), Good), "");
        yield return Tar("pax of times that are none", () => RawTar.Of(RawTar.Pax("mtime", "1e400"), Good), "");
        yield return Tar("pax claims 2 GiB", () => RawTar.Of(RawTar.Header("pax", 'x', RawTar.Octal(0x7FFFFFF0)), Good), "damaged");
        yield return Tar("pax claims 8 GiB", () => RawTar.Of(RawTar.Header("pax", 'x', "77777777777"), Good), "damaged");
        yield return Tar("GNU name claims 2 GiB", () => RawTar.Of(RawTar.Header("././@LongLink", 'L', RawTar.Octal(0x7FFFFFF0)), Good), "damaged");
        yield return Tar("global pax last", () => RawTar.Of(Good, RawTar.Entry("g", 'g', RawTar.Record("comment", "x"))), "");
        yield return Tar("pax twice in a row", () => RawTar.Of(RawTar.Pax("path", "a.png"), RawTar.Pax("path", "b.png"), Good), "");
        yield return Tar("pax at the end", () => RawTar.Of(Good, RawTar.Pax("path", "a.png")), "");
        yield return Tar("wrong checksum", () => RawTar.Of(Broken(Good, 148)), "neither a zip nor a tar");
        yield return Tar("wrong checksum in the second header", () => RawTar.Of(Good, Broken(Good, 148)), null);
        yield return Tar("only zeros", () => new byte[4096], "There are no files");
        yield return Tar("garbage after the first file", () => [.. Good, .. Enumerable.Range(0, 2000).Select(n => (byte)(n * 31))], "damaged");
        yield return Tar("no end", () => Good, null);
        foreach (var quarter in Enumerable.Range(1, 3))
            yield return Tar($"cut after {quarter} quarters", () => RawTar.Of(Good, Good) is var tar ? tar[..(tar.Length * quarter / 4)] : [], "");
        yield return Tar("tar in a tar", () => RawTar.Of(RawTar.File("inner.tar", RawTar.Of(Good))), "not a picture");

        yield return Gzip("sound", () => RawTar.Gzip(RawTar.Of(Good)), null);
        yield return Gzip("path ../", () => RawTar.Gzip(RawTar.Of(RawTar.File("../x.png", _picture))), "leads out of the archive");
        yield return Gzip("of nothing", () => RawTar.Gzip([]), "neither a zip nor a tar");
        yield return Gzip("in a gzip", () => RawTar.Gzip(RawTar.Gzip(RawTar.Of(Good))), "neither a zip nor a tar");
        yield return Gzip("header only", () => [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0], "");
        yield return Gzip("unknown method", () => [0x1F, 0x8B, 7, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], "damaged");
        yield return Gzip("wrong checksum at the end", () => RawTar.Gzip(RawTar.Of(Good)) is var gzip ? [.. gzip[..^8], 1, 2, 3, 4, 5, 6, 7, 8] : [], "");
        foreach (var quarter in Enumerable.Range(1, 3))
            yield return Gzip($"cut after {quarter} quarters", () => RawTar.Gzip(RawTar.Of(Good)) is var gzip ? gzip[..(gzip.Length * quarter / 4)] : [], "");
        yield return new HostileInput(InputKind.Archive, "tar.gz bomb", path => RawTar.WriteGzip(path, Good, 2L << 30), "expands to more") { IsHeavy = true };
        yield return new HostileInput(InputKind.Archive, "tar.gz of a pax header of 200 MB", path => RawTar.WriteGzip(path, RawTar.Header("pax", 'x', RawTar.Octal(200_000_000)), 200_000_000), "damaged") { IsHeavy = true };
        yield return new HostileInput(InputKind.Archive, "tar of 1,000,001 entries", path => Many(path, 1_000_001), "more than 1,000,000 entries") { IsHeavy = true };
    }

    private static byte[] Broken(byte[] header, int at)
    {
        header[at] ^= 1;
        return header;
    }

    private static void Many(string path, int entries)
    {
        using var file = new BufferedStream(File.Create(path), 1 << 20);
        var header = RawTar.Header("a/x.png", '0', RawTar.Octal(0));
        for (var n = 0; n < entries; n++)
            file.Write(header);
    }
}
