using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using Ddpm.Hostile.Corpus;
using Ddpm.Hostile.Reading;

namespace Ddpm.Hostile.Fuzzing;

/// <summary>The readers of safetensors files and archives.</summary>
/// <param name="folder">For the inputs; in memory, if there is such a file system.</param>
internal sealed class FileTargets(string folder) : IDisposable
{
    private static readonly int[] _sizes = [4, 2, 2, 8, 1, 1, 1, 8];
    private static readonly string[] _dtypes = ["F32", "F16", "BF16", "F64", "I8", "U8", "BOOL", "I64", "F8", ""];
    private static readonly string[] _names = ["a.png", "b/c.png", "../x", "/x", "C:\\x", "a/../..", "", "folder/", ".hidden", "__MACOSX/a", "ä.png", "a\0b", "a//b"];
    private static readonly string[] _keys = ["path", "size", "linkpath", "mtime", "GNU.sparse.size", "GNU.sparse.name", "uid"];
    private static readonly byte[] _picture = Png.Grey();
    private static readonly byte[][] _seeds =
        [.. HostileCorpus.All.Where(input => input.Kind == InputKind.Archive && !input.IsHeavy).Select(Bytes).Where(bytes => bytes.Length is > 0 and < 20_000)];

    private static readonly byte[][] _weights =
        [.. HostileCorpus.All.Where(input => input.Kind == InputKind.Weights && !input.IsHeavy).Select(Bytes).Where(bytes => bytes.Length is > 0 and < 20_000)];

    private readonly ThreadLocal<string> _path = new(() => Path.Combine(folder, $"{Guid.NewGuid():N}"));

    public IEnumerable<FuzzTarget> All() =>
    [
        new("safetensors", random => random.Next(2) == 0 ? Mutation.Of(Weights(random), _weights, random) : random.Next(2) == 0 ? Weights(random) : Mutation.Of(Pick(_weights, random), _weights, random), ReadWeights),
        new("archives", random => random.Next(4) switch
        {
            0 => Zip(random),
            1 => Tar(random),
            2 => Mutation.Of(random.Next(2) == 0 ? Zip(random) : Tar(random), _seeds, random),
            _ => Mutation.Of(Pick(_seeds, random), _seeds, random),
        }, ReadArchive),
    ];

    public void Dispose() => _path.Dispose();

    private static byte[] Pick(byte[][] seeds, Random random) => seeds[random.Next(seeds.Length)];

    private static byte[] Bytes(HostileInput input)
    {
        using var scratch = new Scratch();
        return File.ReadAllBytes(Inputs.Make(input, scratch.Path));
    }

    // Sound but for one field in eight.
    private static byte[] Weights(Random random)
    {
        var offset = 0L;
        var tensors = new List<string>();
        for (var n = random.Next(5); n > 0; n--)
        {
            long[] shape = [.. Enumerable.Range(0, random.Next(4)).Select(_ => Or(random.Next(4), random))];
            var dtype = random.Next(_dtypes.Length);
            var length = dtype < _sizes.Length ? shape.Aggregate(1L, (product, extent) => unchecked(product * extent)) * _sizes[dtype] : 4;
            var (begin, end) = (Or(offset, random), Or(offset + length, random));
            tensors.Add($$"""  "{{(random.Next(8) == 0 ? "a" : $"t{n}")}}":{"dtype":"{{_dtypes[dtype]}}","shape":[{{string.Join(',', shape)}}],"data_offsets":[{{begin}},{{end}}]}""");
            offset += length;
        }
        return WeightInputs.File("{" + string.Join(',', tensors) + "}", offset is >= 0 and < 10_000 ? (int)offset : 16, random.Next(8) == 0 ? (ulong)Mutation.Number(random) : null);
    }

    private static long Or(long number, Random random) => random.Next(8) == 0 ? Mutation.Number(random) : number;

    private static byte[] Zip(Random random)
    {
        uint? Lie() => random.Next(8) == 0 ? (uint)Mutation.Number(random) : null;
        var entries = Enumerable.Range(0, random.Next(4)).Select(_ => new RawZipEntry(_names[random.Next(_names.Length)], _picture[..random.Next(_picture.Length)])
        {
            Flags = (ushort)(Lie() ?? 0x800),
            Method = (ushort)(Lie() ?? (random.Next(4) == 0 ? 8u : 0)),
            Size = Lie(),
            StoredSize = Lie(),
            Offset = Lie(),
            Attributes = Lie() ?? 0,
            Extra = random.Next(8) == 0 ? [1, 0, (byte)random.Next(40), 0, .. BitConverter.GetBytes(Mutation.Number(random)), .. BitConverter.GetBytes(Mutation.Number(random))] : [],
        }).ToList();
        return RawZip.Write(entries, random.Next(16) == 0 ? (ushort)Mutation.Number(random) : null, random.Next(16) == 0 ? (uint)Mutation.Number(random) : null);
    }

    private static byte[] Tar(Random random)
    {
        var tar = RawTar.Of(Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(4) switch
        {
            0 => RawTar.Pax(_keys[random.Next(_keys.Length)], random.Next(2) == 0 ? $"{Mutation.Number(random)}" : _names[random.Next(_names.Length)]),
            1 => [.. RawTar.Header(_names[random.Next(_names.Length)], "0123456789xgLKSMNVDA\0"[random.Next(21)], random.Next(2) == 0 ? RawTar.Octal(Mutation.Number(random)) : $"{Mutation.Number(random)}"), .. _picture],
            _ => RawTar.File(_names[random.Next(_names.Length)], _picture),
        }));
        return random.Next(4) == 0 ? RawTar.Gzip(tar) : tar;
    }

    private string? ReadWeights(byte[] bytes)
    {
        File.WriteAllBytes(_path.Value!, bytes);
        return Readers.Refusal(InputKind.Weights, _path.Value!);
    }

    // All entries are read; their pixels are the decoder's part.
    private string? ReadArchive(byte[] bytes)
    {
        File.WriteAllBytes(_path.Value!, bytes);
        var refusal = default(string);
        try
        {
            using var listing = new ArchiveSource(_path.Value!, folder).Open(CancellationToken.None);
            foreach (var entry in listing.Entries)
            {
                try
                {
                    entry.Read();
                }
                catch (ImageDecodeException skipped)
                {
                    refusal = $"An entry was skipped ({skipped.Message}).";
                }
            }
        }
        catch (DatasetException damage)
        {
            refusal = damage.Message;
        }
        return refusal;
    }
}
