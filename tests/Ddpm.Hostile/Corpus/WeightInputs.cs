using System.Text;

namespace Ddpm.Hostile.Corpus;

/// <summary>Safetensors files whose headers lie.</summary>
internal static class WeightInputs
{
    /// <summary>Two tensors, as they should be.</summary>
    public const string Sound = """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"I8","shape":[3],"data_offsets":[16,19]}}""";

    public static byte[] File(string header, int data = 19, ulong? length = null) => File(Encoding.UTF8.GetBytes(header), data, length);

    public static byte[] File(byte[] header, int data = 19, ulong? length = null) => [.. BitConverter.GetBytes(length ?? (ulong)header.Length), .. header, .. new byte[data]];

    public static IEnumerable<HostileInput> All()
    {
        HostileInput Weights(string name, Func<byte[]> content, string? refusal) => HostileInput.Of(InputKind.Weights, name, content, refusal);
        HostileInput One(string name, string tensor, string refusal, int data = 16) => Weights(name, () => File($$"""{"a":{{tensor}}}""", data), refusal);

        yield return Weights("sound", () => File(Sound), null);
        yield return Weights("nothing", () => [], "needs at least 8");
        yield return Weights("seven bytes", () => new byte[7], "needs at least 8");
        yield return Weights("no tensors", () => File("{}", 0), null);
        foreach (var length in new ulong[] { 0, 1, 1000, 100_000_001, 1ul << 31, 1ul << 32, 1ul << 63, ulong.MaxValue })
            yield return Weights($"header length {length}", () => File(Sound, length: length), "header");
        foreach (var header in new[] { "[]", "null", "1", "\"a\"", "{", "{\"a\":", "{}{}", "{\"a\":1}", "{\"a\":{}}", "{\"a\":[]}", "nonsense", "{'a':1}", "{\"a\":1,}", "//x\n{}" })
            yield return Weights($"header {header}", () => File(header, 0), "");
        foreach (var offsets in new[] { "[8,24]", "[16,0]", "[-16,0]", "[0,17]", "[0,15]", "[0,9223372036854775807]", "[-9223372036854775808,9223372036854775807]", "[0,18446744073709551616]", "[0,1e1]", "[0,16.0]", "[0]", "[0,16,32]", "\"0,16\"", "null", "[\"0\",\"16\"]", "[]" })
            yield return One($"offsets {offsets}", $$"""{"dtype":"F32","shape":[4],"data_offsets":{{offsets}}}""", "tensor 'a'");
        foreach (var shape in new[] { "[5]", "[-4]", "[-2,-2]", "[9223372036854775807]", "[4294967296,4294967296]", "[2147483648,2147483648,4]", "[1e0]", "[4.0]", "4", "null", "[[4]]", "[null]", "[99999999999999999999]" })
            yield return One($"shape {shape}", $$"""{"dtype":"F32","shape":{{shape}},"data_offsets":[0,16]}""", "tensor 'a'");
        yield return One("shape of nothing times 2^62", """{"dtype":"F32","shape":[0,4611686018427387904,4611686018427387904],"data_offsets":[0,0]}""", "impossible shape", 0);
        yield return One("shape of 200,000 ones", $$"""{"dtype":"F32","shape":[{{string.Join(',', Enumerable.Repeat(1, 200_000))}}],"data_offsets":[0,4]}""", "200000 dimensions", 4);
        yield return One("shape of 200,000 wrong numbers", $$"""{"dtype":"F32","shape":[{{string.Join(',', Enumerable.Repeat(-7, 200_000))}}],"data_offsets":[0,4]}""", "tensor 'a'", 4);
        foreach (var dtype in new[] { "\"F8_E4M3\"", "\"f32\"", "\"\"", "null", "7", "\"\\ud800\"", $"\"{new string('F', 100_000)}\"" })
            yield return One($"dtype {dtype[..Math.Min(20, dtype.Length)]}", $$"""{"dtype":{{dtype}},"shape":[4],"data_offsets":[0,16]}""", "");
        yield return Weights("overlap", () => File("""{"a":{"dtype":"I8","shape":[10],"data_offsets":[0,10]},"b":{"dtype":"I8","shape":[10],"data_offsets":[5,15]}}""", 15), "not at 10");
        yield return Weights("same place", () => File("""{"a":{"dtype":"I8","shape":[10],"data_offsets":[0,10]},"b":{"dtype":"I8","shape":[10],"data_offsets":[0,10]}}""", 10), "not at 10");
        yield return Weights("hole", () => File("""{"a":{"dtype":"I8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"I8","shape":[5],"data_offsets":[6,11]}}""", 11), "not at 5");
        yield return Weights("data that nobody owns", () => File(Sound, 1000), "no tensor owns");
        yield return Weights("duplicate tensor", () => File("""{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}}""", 2), "Duplicate");
        yield return Weights("duplicate key", () => File("""{"a":{"dtype":"I8","dtype":"F32","shape":[1],"data_offsets":[0,1]}}""", 1), "Duplicate");
        yield return Weights("metadata no object", () => File("""{"__metadata__":[1]}""", 0), "__metadata__");
        yield return Weights("metadata no text", () => File("""{"__metadata__":{"a":{"b":[1]}}}""", 0), "__metadata__");
        yield return Weights("half a surrogate in a name", () => File("""{"\ud800":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}""", 1), "header");
        yield return Weights("half a surrogate in metadata", () => File("""{"__metadata__":{"a":"\udc00"}}""", 0), "header");
        yield return Weights("invalid UTF-8", () => File([.. "{\""u8, 0xFF, 0xC0, .. "\":1}"u8], 0), "");
        yield return Weights("byte order mark", () => File("\uFEFF" + Sound), "header");
        yield return Weights("depth of 10,000", () => File($$"""{"a":{{new string('[', 10_000)}}{{new string(']', 10_000)}}}""", 0), "depth");
        yield return Weights("name of 1 MB", () => File($$"""{"{{new string('n', 1_000_000)}}":{"dtype":"F32","shape":[1],"data_offsets":[9,1]} }""", 0), "");
        yield return Weights("NaN", () => [.. File("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 0), .. BitConverter.GetBytes(float.NaN)], "not finite");
        yield return Weights("infinity in half precision", () => [.. File("""{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}""", 0), 0, 0x7C], "not finite");
        yield return Weights("a pickle", () => [0x80, 2, .. "cposix\nsystem\n(S'id'\ntR."u8], "header");
        yield return Weights("a zip", () => RawZip.Of(new RawZipEntry("data.pkl", [0x80, 2])), "header");
        foreach (var quarter in Enumerable.Range(1, 3))
            yield return Weights($"cut after {quarter} quarters", () => File(Sound, 200) is var file ? file[..(file.Length * quarter / 4)] : [], "");
        yield return Weights("header of 90 MB of numbers", () => File($$"""{"__metadata__":{"a":[{{string.Concat(Enumerable.Repeat("1,", 45_000_000))}}1]} }""", 0), "header") with { IsHeavy = true };
        yield return Weights("header of 15 MB of metadata", () => File($$"""{"__metadata__":{ {{string.Join(',', Enumerable.Range(0, 1_000_000).Select(n => $"\"{n}\":\"1\""))}} } }""", 0), null) with { IsHeavy = true };
        yield return Weights("200,000 empty tensors", () => File("{" + string.Join(',', Enumerable.Range(0, 200_000).Select(n => $$"""  "{{n}}":{"dtype":"I8","shape":[0],"data_offsets":[0,0]}""")) + "}", 0), null) with { IsHeavy = true };
    }
}
