using System.Text;

namespace Ddpm.Hostile.Corpus;

/// <summary>Pictures that are out to do harm, each alone in a folder.</summary>
internal static class PictureInputs
{
    /// <summary>Whatever of it can be read or not, in one sentence: what becomes of it is the decoder's to say.</summary>
    private const string Either = "";

    public static IEnumerable<HostileInput> All() => [.. Pngs(), .. Jpegs(), .. Others()];

    private static HostileInput Picture(string name, Func<byte[]> content, string? refusal) => HostileInput.Of(InputKind.Picture, name, content, refusal);

    private static IEnumerable<HostileInput> Pngs()
    {
        HostileInput Sized(uint width, uint height, string refusal) => Picture($"png of {width}×{height}", () => Png.Of(Png.Header(width, height), Png.Data(Png.Rows(8, 8)), Png.End), refusal);
        HostileInput Head(string name, byte[] header, string? refusal) => Picture($"png {name}", () => Png.Of(header, Png.Data(Png.Rows(8, 8)), Png.End), refusal);

        yield return Picture("png sound", () => Png.Grey(), null);
        yield return Sized(0, 0, "not a picture");
        yield return Sized(0, 8, "not a picture");
        yield return Sized(8, 0, "not a picture");
        yield return Sized(65_535, 65_535, "pixels are more than");
        yield return Sized(1_000_000, 1_000_000, "skipped");
        yield return Sized(0x7FFFFFFF, 1, "skipped");
        yield return Sized(0x7FFFFFFF, 0x7FFFFFFF, "skipped");
        yield return Sized(0x80000000, 0x80000000, "not a picture");
        yield return Sized(0xFFFFFFFF, 0xFFFFFFFF, "not a picture");
        yield return Head("depth 3", Png.Header(8, 8, bits: 3), "not a picture");
        yield return Head("colour 5", Png.Header(8, 8, colour: 5), "not a picture");
        yield return Head("interlace 7", Png.Header(8, 8, interlace: 7), "not a picture");
        yield return Head("compression 1", Png.Header(8, 8, compression: 1), "not a picture");
        yield return Head("palette missing", Png.Header(8, 8, colour: 3), Either);
        yield return Head("interlaced without its data", Png.Header(8, 8, interlace: 1), Either);
        yield return Head("16 bits without its data", Png.Header(8, 8, bits: 16), Either);
        yield return Picture("png wrong CRC", () => Png.Of(Png.Header(8, 8), Png.Chunk("IDAT", Png.Zlib(Png.Rows(8, 8)), isSound: false), Png.End), Either);
        yield return Picture("png without data", () => Png.Of(Png.Header(8, 8), Png.End), "skipped");
        yield return Picture("png without header", () => Png.Of(Png.Data(Png.Rows(8, 8)), Png.End), "not a picture");
        yield return Picture("png signature only", () => Png.Signature, "not a picture");
        yield return Picture("png two headers", () => Png.Of(Png.Header(8, 8), Png.Header(4000, 4000), Png.Data(Png.Rows(8, 8)), Png.End), Either);
        yield return Picture("png data no zlib", () => Png.Of(Png.Header(8, 8), Png.Chunk("IDAT", new byte[50]), Png.End), "skipped");
        yield return Picture("png data too short", () => Png.Of(Png.Header(8, 8), Png.Data(Png.Rows(8, 2)), Png.End), "skipped");
        yield return Picture("png data too long", () => Png.Of(Png.Header(8, 8), Png.Data(Png.Rows(1000, 1000)), Png.End), Either);
        yield return Picture("png filter 9", () => Png.Of(Png.Header(8, 8), Png.Data([.. Enumerable.Repeat((byte)9, 72)]), Png.End), Either);
        yield return Picture("png chunk of 2 GiB", () => Png.Of(Png.Header(8, 8), Png.Chunk("IDAT", Png.Zlib(Png.Rows(8, 8)), 0x7FFFFFFF)), Either);
        yield return Picture("png chunk of 4 GiB", () => Png.Of(Png.Header(8, 8), Png.Chunk("tEXt", [1], 0xFFFFFFFF), Png.End), Either);
        yield return Picture("png chunk of no letters", () => Png.Of(Png.Header(8, 8), Png.Chunk("\u0001\u0002\u0003\u0004", [1]), Png.Data(Png.Rows(8, 8)), Png.End), Either);
        yield return Picture("png palette of 300", () => Png.Of(Png.Header(8, 8, colour: 3), Png.Chunk("PLTE", new byte[900]), Png.Data(Png.Rows(8, 8)), Png.End), Either);
        yield return Picture("png index beyond the palette", () => Png.Of(Png.Header(8, 8, colour: 3), Png.Chunk("PLTE", new byte[3]), Png.Data([.. Enumerable.Range(0, 72).Select(n => (byte)(n % 9 == 0 ? 0 : 200))]), Png.End), Either);
        yield return Picture("png 100,000 texts", () => Png.Of([Png.Header(8, 8), .. Enumerable.Repeat(Png.Chunk("tEXt", "a\0b"u8.ToArray()), 100_000), Png.Data(Png.Rows(8, 8)), Png.End]), Either);
        yield return Picture("png text of 20 MB", () => Png.Of(Png.Header(8, 8), Png.Chunk("tEXt", [.. "a\0"u8, .. new byte[20_000_000]]), Png.Data(Png.Rows(8, 8)), Png.End), Either);
        foreach (var (name, type, head) in new[] { ("text", "zTXt", "a\0\0"), ("profile", "iCCP", "a\0\0"), ("international text", "iTXt", "a\0\u0001\0\0\0") })
            yield return Picture($"png {name} that is a bomb", () => Png.Of(Png.Header(8, 8), Png.Chunk(type, [.. Encoding.Latin1.GetBytes(head), .. Png.Zeros(1L << 30)]), Png.Data(Png.Rows(8, 8)), Png.End), Either) with { IsHeavy = true };
        yield return Picture("png exif that turns 99", () => Png.Of(Png.Header(8, 8), Png.Chunk("eXIf", Exif(99, 0)), Png.Data(Png.Rows(8, 8)), Png.End), null);
        yield return Picture("png exif that points at itself", () => Png.Of(Png.Header(8, 8), Png.Chunk("eXIf", Exif(1, 8)), Png.Data(Png.Rows(8, 8)), Png.End), null);
        yield return Picture("apng of 100,000 frames", () => Png.Of([Png.Header(8, 8), Png.Chunk("acTL", [0, 1, 0x86, 0xA0, 0, 0, 0, 0]), Png.Data(Png.Rows(8, 8)),
            .. Enumerable.Repeat(Png.Chunk("fcTL", [0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8, .. new byte[14]]), 100_000), Png.End]), Either);
        foreach (var eighth in Enumerable.Range(1, 7))
            yield return Picture($"png cut after {eighth} eighths", () => Png.Grey(64, 64) is var png ? png[..(png.Length * eighth / 8)] : [], Either);
        yield return Picture("png of a grey 100 megapixels", () => Png.Of(Png.Header(10_000, 10_000), Png.Chunk("IDAT", Png.Zeros(10_001L * 10_000)), Png.End), Either) with { IsHeavy = true };
        yield return Picture("png interlaced, 60 megapixels", () => Png.Of(Png.Header(7_680, 7_680, interlace: 1, colour: 6), Png.Chunk("IDAT", Png.Zeros(7_681L * 7_680 * 4 + 100_000)), Png.End), Either) with { IsHeavy = true };
        yield return Picture("png 16 bits a colour, 60 megapixels", () => Png.Of(Png.Header(7_680, 7_680, bits: 16, colour: 6), Png.Chunk("IDAT", Png.Zeros(7_681L * 7_680 * 8)), Png.End), Either) with { IsHeavy = true };
        // As large as a picture in a request may be.
        yield return Picture("png interlaced, 16 megapixels", () => Png.Of(Png.Header(4_096, 4_096, interlace: 1, colour: 6), Png.Chunk("IDAT", Png.Zeros(4_097L * 4_096 * 4 + 100_000)), Png.End), Either) with { IsHeavy = true };
        yield return Picture("png 16 bits a colour, 16 megapixels", () => Png.Of(Png.Header(4_096, 4_096, bits: 16, colour: 6), Png.Chunk("IDAT", Png.Zeros(4_097L * 4_096 * 8)), Png.End), Either) with { IsHeavy = true };
    }

    private static IEnumerable<HostileInput> Jpegs()
    {
        yield return Picture("jpeg sound", () => OtherPictures.Jpeg(), null);
        yield return Picture("jpeg progressive", () => OtherPictures.Jpeg(64, 64, 3, progressive: true), Either);
        yield return Picture("jpeg of 0×0", () => OtherPictures.Jpeg(0, 0), "not a picture");
        yield return Picture("jpeg of 65,535×65,535", () => OtherPictures.Jpeg(65_535, 65_535, dataBytes: 10), "skipped");
        yield return Picture("jpeg of two components", () => OtherPictures.Jpeg(components: 2), Either);
        yield return Picture("jpeg of four components", () => OtherPictures.Jpeg(components: 4), Either);
        yield return Picture("jpeg of 10,000 comments", () => OtherPictures.Jpeg(extra: [.. Enumerable.Repeat(OtherPictures.Segment(0xFE, new byte[1000]), 10_000).SelectMany(s => s)]), null);
        yield return Picture("jpeg exif that points at itself", () => OtherPictures.Jpeg(extra: OtherPictures.Segment(0xE1, [.. "Exif\0\0"u8, .. Exif(6, 8)])), null);
        yield return Picture("jpeg exif that ends early", () => OtherPictures.Jpeg(extra: OtherPictures.Segment(0xE1, [.. "Exif\0\0MM\0*\0\0"u8])), null);
        yield return Picture("jpeg profile in 255 parts of which one is there", () => OtherPictures.Jpeg(extra: OtherPictures.Segment(0xE2, [.. "ICC_PROFILE\0"u8, 1, 255, .. new byte[100]])), null);
        yield return Picture("jpeg segment that is too long", () => OtherPictures.Jpeg(extra: OtherPictures.Segment(0xFE, new byte[4], 65_535)), "skipped");
        yield return Picture("jpeg segment of length 0", () => OtherPictures.Jpeg(extra: OtherPictures.Segment(0xFE, new byte[4], 0)), Either);
        yield return Picture("jpeg start only", () => [0xFF, 0xD8, 0xFF], "not a picture");
        yield return Picture("jpeg starts for ever", () => [.. Enumerable.Repeat(new byte[] { 0xFF, 0xD8 }, 100_000).SelectMany(b => b)], "not a picture");
        foreach (var quarter in Enumerable.Range(1, 3))
            yield return Picture($"jpeg cut after {quarter} quarters", () => OtherPictures.Jpeg(512, 512) is var jpeg ? jpeg[..(jpeg.Length * quarter / 4)] : [], Either);
        yield return Picture("jpeg progressive of 10,000 scans", () => OtherPictures.Jpeg(512, 512, 1, progressive: true, scans: 10_000), Either) with { IsHeavy = true };
        yield return Picture("jpeg progressive, 60 megapixels", () => OtherPictures.Jpeg(7_680, 7_680, 3, progressive: true), Either) with { IsHeavy = true };
        yield return Picture("jpeg progressive of four components, 60 megapixels", () => OtherPictures.Jpeg(7_680, 7_680, 4, progressive: true), Either) with { IsHeavy = true };
        yield return Picture("jpeg progressive of four components, 16 megapixels", () => OtherPictures.Jpeg(4_096, 4_096, 4, progressive: true), Either) with { IsHeavy = true };
    }

    private static IEnumerable<HostileInput> Others()
    {
        yield return Picture("gif sound", () => OtherPictures.Gif(1, 1), null);
        yield return Picture("gif of 100,000 frames", () => OtherPictures.Gif(1, 1, 100_000), null);
        yield return Picture("gif of 65,535×65,535", () => OtherPictures.Gif(65_535, 65_535), "pixels are more than");
        yield return Picture("gif of 10,000 frames on 7,680×7,680", () => OtherPictures.Gif(7_680, 7_680, 10_000), Either) with { IsHeavy = true };
        yield return Picture("gif without frames", () => OtherPictures.Gif(8, 8, 0), "skipped");
        yield return Picture("gif cut in its frame", () => OtherPictures.Gif(1, 1)[..30], Either);
        yield return Picture("gif and script", () => [.. "GIF89a/*"u8, .. new byte[20], .. "*/=1;alert(1)"u8], Either);
        yield return Picture("webp sound", () => OtherPictures.WebP(), null);
        yield return Picture("webp of 16,384×16,384", () => OtherPictures.WebP(16_384, 16_384), "skipped");
        yield return Picture("webp of 7,000×7,000", () => OtherPictures.WebP(7_000, 7_000), Either) with { IsHeavy = true };
        yield return Picture("webp of 100,000 frames", () => OtherPictures.AnimatedWebP(100_000), Either);
        yield return Picture("webp canvas of 2^24", () => OtherPictures.AnimatedWebP(1, 1 << 24), "skipped");
        yield return Picture("webp of the wrong length", () => OtherPictures.Riff(OtherPictures.RiffChunk("VP8L"u8, new byte[10]), 0xFFFFFFFF), "not a picture");
        yield return Picture("webp chunk of 4 GiB", () => OtherPictures.Riff(OtherPictures.RiffChunk("VP8L"u8, new byte[10], 0xFFFFFFFE)), "not a picture");
        yield return Picture("bmp sound", () => OtherPictures.Bmp(), null);
        yield return Picture("bmp upside down", () => OtherPictures.Bmp(8, -8), null);
        yield return Picture("bmp of 2^31", () => OtherPictures.Bmp(int.MaxValue, int.MaxValue, pixelBytes: 10), "skipped");
        yield return Picture("bmp of -2^31", () => OtherPictures.Bmp(8, int.MinValue, pixelBytes: 10), "skipped");
        yield return Picture("bmp of negative width", () => OtherPictures.Bmp(-8, 8), "not a picture");
        yield return Picture("bmp of 255 bits", () => OtherPictures.Bmp(bits: 255), "not a picture");
        yield return Picture("bmp of unknown compression", () => OtherPictures.Bmp(compression: 77), "not a picture");
        yield return Picture("bmp run-length without runs", () => OtherPictures.Bmp(bits: 8, compression: 1), Either);
        yield return Picture("bmp data beyond the end", () => OtherPictures.Bmp(dataOffset: int.MaxValue), "skipped");
        yield return Picture("bmp header of 2 GiB", () => OtherPictures.Bmp(headerBytes: int.MaxValue), "not a picture");
        yield return Picture("png and zip", () => [.. Png.Grey(), .. RawZip.Of(new RawZipEntry("a.sh", [1]))], null);
        yield return Picture("jpeg and html", () => [.. OtherPictures.Jpeg(), .. "<script>alert(1)</script>"u8], null);
        yield return Picture("nothing", () => [], "the file is empty");
        yield return Picture("noise", () => [.. Enumerable.Range(1, 5000).Select(n => (byte)(n * n * 37 + n))], "not a picture");
        yield return Picture("svg", () => "<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'><image href='file:///etc/passwd'/></svg>"u8.ToArray(), "not a picture");
        yield return Picture("tiff", () => [.. "II*\0"u8, 8, 0, 0, 0, .. new byte[100]], "not a picture");
        yield return Picture("icon", () => [0, 0, 1, 0, 1, 0, 8, 8, 0, 0, 1, 0, 32, 0, .. BitConverter.GetBytes(Png.Grey().Length), 22, 0, 0, 0, .. Png.Grey()], "not a picture");
        yield return Picture("wireless bitmap", () => [0, 0, 8, 8, .. new byte[8]], "not a picture");
        yield return Picture("wireless bitmap of 2^20", () => [0, 0, 0xC0, 0x80, 0, 0xC0, 0x80, 0, .. new byte[8]], "not a picture");
        yield return Picture("postscript", () => "%!PS-Adobe-3.0\n(/etc/passwd) (r) file"u8.ToArray(), "not a picture");
    }

    // A TIFF directory of one entry, the orientation, whose successor lies where the caller says.
    private static byte[] Exif(ushort orientation, uint next) =>
        [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, (byte)orientation, (byte)(orientation >> 8), 0, 0, .. BitConverter.GetBytes(next)];
}
