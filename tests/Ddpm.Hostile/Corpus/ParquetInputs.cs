namespace Ddpm.Hostile.Corpus;

/// <summary>Parquet files of pictures that are out to do harm.</summary>
internal static class ParquetInputs
{
    public static IEnumerable<HostileInput> All()
    {
        HostileInput Parquet(string name, Func<byte[]> content, string? refusal) => HostileInput.Of(InputKind.Parquet, name, content, refusal);
        HostileInput Lie(string name, Parquets file, string refusal) => Parquet(name, file.Bytes, refusal);

        yield return Parquet("sound", new Parquets().Bytes, null);
        yield return Parquet("nothing", () => [], "too short");
        yield return Parquet("magic only", () => [.. "PAR1"u8, 0, 0, 0, 0, .. "PAR1"u8], "damaged");
        yield return Parquet("encrypted", () => [.. "PARE"u8, .. new byte[20], .. "PARE"u8], "encrypted");
        foreach (var bytes in new uint[] { 0u, 1, 1000, 0x7FFFFFFF, 0xFFFFFFFF })
            yield return Parquet($"footer of {bytes} bytes", () => Parquets.File([], new byte[50], bytes), "");
        yield return Parquet("footer of nested lists", () => Parquets.File([], [.. Enumerable.Repeat((byte)0x19, 5000)]), "damaged");
        yield return Parquet("footer of nested structs", () => Parquets.File([], [.. Enumerable.Repeat((byte)0x1C, 5000)]), "damaged");
        yield return Parquet("footer of one long number", () => Parquets.File([], [0x15, .. Enumerable.Repeat((byte)0xFF, 5000)]), "damaged");
        yield return Parquet("list of 2^31 elements", () => Parquets.File([], [0x29, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x07]), "damaged");
        foreach (var rows in new[] { -1, 2, 1_000_000_000, int.MaxValue, long.MaxValue, long.MinValue })
            yield return Lie($"{rows} rows", new Parquets { Rows = rows }, "");
        foreach (var rows in new[] { 5_000_000L, 9_999_999 })
            yield return Lie($"{rows} rows and values", new Parquets { Rows = rows, Values = rows, PageValues = rows }, "");
        foreach (var values in new[] { -1L, 0, 1_000_000, int.MaxValue, 1L << 32, long.MaxValue })
            yield return Lie($"page of {values} values", new Parquets { PageValues = values }, "");
        foreach (var bytes in new[] { -1L, 0, 1, 1000, int.MaxValue, 1L << 32, long.MaxValue })
        {
            yield return Lie($"page of {bytes} stored bytes", new Parquets { Stored = bytes }, "");
            yield return Lie($"page of {bytes} expanded bytes", new Parquets { Expanded = bytes, Codec = 2 }, "");
        }
        foreach (var offset in new[] { -1, 0, 1, 1000, long.MaxValue, long.MinValue })
            yield return Lie($"data at {offset}", new Parquets { Offset = offset }, "damaged");
        foreach (var offset in new[] { 1, 5, long.MaxValue })
            yield return Lie($"dictionary at {offset}", new Parquets { DictionaryOffset = offset }, "");
        foreach (var bytes in new[] { -1, 0, 1, long.MaxValue })
            yield return Lie($"chunk of {bytes} bytes", new Parquets { ChunkBytes = bytes }, "damaged");
        foreach (var codec in new long[] { 1, 2, 3, 4, 5, 6, 7, 8, -1, 99 })
            yield return Lie($"codec {codec}", new Parquets { Codec = codec }, "");
        foreach (var encoding in new long[] { 1, 2, 3, 5, 8, 99, -1 })
            yield return Lie($"encoding {encoding}", new Parquets { Encoding = encoding }, "");
        foreach (var kind in new long[] { 1, 2, 4, -1 })
            yield return Lie($"page of kind {kind}", new Parquets { PageKind = kind }, "damaged");
        foreach (var type in new long[] { 0, 1, 2, 3, 7, 8, -1 })
            yield return Lie($"column of type {type}", new Parquets { Type = type }, "");
        foreach (var children in new long[] { -1, 0, 2, int.MaxValue, long.MaxValue })
            yield return Lie($"{children} columns", new Parquets { Children = children }, "");
        yield return Lie("name of 100,000 letters", new Parquets { Name = new string('n', 100_000), Codec = 3 }, "");
        yield return Lie("a value longer than its page", new Parquets { Content = [0xFF, 0xFF, 0xFF, 0xFF, 1] }, "damaged");
        yield return Lie("a value of no picture", new Parquets { Content = Parquets.WithLength([1, 2, 3]) }, "not a picture");
        yield return Lie("1,000 groups of the same bytes", new Parquets { Groups = 1000, Content = Parquets.WithLength(new byte[1 << 20]) }, "far more bytes") with { IsHeavy = true };
        foreach (var eighth in Enumerable.Range(1, 7))
            yield return Parquet($"cut after {eighth} eighths", () => new Parquets().Bytes() is var file ? file[..(file.Length * eighth / 8)] : [], "");
        yield return Lie("page that is a bomb of 900 MB", new Parquets { Codec = 4, Expanded = 900_000_000, Content = Parquets.Brotli(900_000_000) }, "page of 900,000,000 bytes") with { IsHeavy = true };
        yield return Lie("page that is a bomb of 250 MB", new Parquets { Codec = 4, Expanded = 250_000_000, Content = Parquets.Brotli(250_000_000) }, "") with { IsHeavy = true };
        yield return Lie("40 groups, each a bomb of 250 MB", new Parquets { Groups = 40, Codec = 4, Expanded = 250_000_000, Content = Parquets.Brotli(250_000_000) }, "skipped") with { IsHeavy = true };
        yield return Lie("dictionary of 50,000,000 values", new Parquets { Codec = 4, PageKind = 2, PageValues = 50_000_000, Expanded = 250_000_000, Content = Parquets.Brotli(250_000_000) }, "dictionary") with { IsHeavy = true };
        yield return new HostileInput(InputKind.Parquet, "footer of 60 MB of groups", path => File.WriteAllBytes(path, Parquets.File([], Groups(20_000_000))), "footer") with { IsHeavy = true };
        yield return new HostileInput(InputKind.Parquet, "footer of 15 MB of groups", path => File.WriteAllBytes(path, Parquets.File([], Groups(5_000_000))), "") with { IsHeavy = true };
    }

    // No columns; groups that say only how many rows they have: none.
    private static byte[] Groups(int count)
    {
        var footer = new List<byte> { 0x15, 2, 0x19, 0x1C, 0x48, 1, (byte)'s', 0x15, 0, 0, 0x16, 0, 0x19, 0xFC };
        for (var left = (uint)count; ; left >>= 7)
        {
            footer.Add((byte)(left >= 0x80 ? left | 0x80 : left));
            if (left < 0x80)
                break;
        }
        byte[] all = [.. footer, .. new byte[count * 3 + 1]];
        for (var n = 0; n < count; n++)
            all[footer.Count + n * 3] = 0x36;
        return all;
    }
}
