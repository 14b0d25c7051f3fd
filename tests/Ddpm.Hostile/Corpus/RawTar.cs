using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Ddpm.Hostile.Corpus;

/// <summary>Tars written header by header (POSIX 1003.1, ustar and pax).</summary>
internal static class RawTar
{
    /// <summary>A header with the right checksum, whatever it says.</summary>
    /// <param name="name">At most 100 bytes are kept.</param>
    /// <param name="type">Its type: <c>0</c> for a file.</param>
    /// <param name="size">In octal digits, or any other text.</param>
    /// <param name="link">What it links to.</param>
    /// <param name="prefix">The folders of the name.</param>
    public static byte[] Header(string name, char type, string size, string link = "", string prefix = "")
    {
        var header = new byte[512];
        Put(0, 100, name);
        Put(100, 8, "0000644");
        Put(108, 8, "0000000");
        Put(116, 8, "0000000");
        Put(124, 12, size);
        Put(136, 12, "00000000000");
        Put(148, 8, "        ");
        header[156] = (byte)type;
        Put(157, 100, link);
        Put(257, 8, "ustar\00000");
        Put(345, 155, prefix);
        Put(148, 7, Convert.ToString(header.Sum(b => b), 8).PadLeft(6, '0') + "\0");
        return header;

        void Put(int at, int room, string text) => Encoding.Latin1.GetBytes(text.Length > room ? text[..room] : text).CopyTo(header, at);
    }

    public static byte[] Entry(string name, char type, byte[] content, string link = "") => [.. Header(name, type, Octal(content.Length), link), .. Padded(content)];

    public static byte[] File(string name, byte[] content) => Entry(name, '0', content);

    /// <summary>A pax header with one record, for the entry after it.</summary>
    public static byte[] Pax(string key, string value) => Entry("pax", 'x', Record(key, value));

    public static byte[] Record(string key, string value)
    {
        var body = $" {key}={value}\n";
        var length = body.Length;
        while (length != body.Length + length.ToString(CultureInfo.InvariantCulture).Length)
            length = body.Length + length.ToString(CultureInfo.InvariantCulture).Length;
        return Encoding.UTF8.GetBytes(length.ToString(CultureInfo.InvariantCulture) + body);
    }

    public static byte[] Of(params IEnumerable<byte[]> entries) => [.. entries.SelectMany(entry => entry), .. new byte[1024]];

    public static byte[] Gzip(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(content);
        return packed.ToArray();
    }

    /// <summary>A tar.gz of a beginning and then very many zeros.</summary>
    public static void WriteGzip(string path, byte[] beginning, long zeros)
    {
        using var gzip = new GZipStream(System.IO.File.Create(path), CompressionLevel.Optimal);
        gzip.Write(beginning);
        var block = new byte[1 << 20];
        for (var left = zeros; left > 0; left -= block.Length)
            gzip.Write(block, 0, (int)Math.Min(left, block.Length));
    }

    public static string Octal(long number) => Convert.ToString(number, 8).PadLeft(11, '0');

    private static byte[] Padded(byte[] content) => [.. content, .. new byte[(512 - content.Length % 512) % 512]];
}
