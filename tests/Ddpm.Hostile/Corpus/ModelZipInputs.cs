namespace Ddpm.Hostile.Corpus;

/// <summary>Zips of diffusers folders that are out to do harm.</summary>
internal static class ModelZipInputs
{
    private const string Config = "unet/config.json";
    private const string Weights = "unet/diffusion_pytorch_model.safetensors";
    private const string Schedule = "scheduler/scheduler_config.json";

    private static RawZipEntry[] Files { get; } = [new(Config, "{}"u8.ToArray()), new(Weights, WeightInputs.File(WeightInputs.Sound)), new(Schedule, "{}"u8.ToArray())];

    public static IEnumerable<HostileInput> All()
    {
        HostileInput Zip(string name, Func<byte[]> content, string? refusal) => HostileInput.Of(InputKind.ModelZip, name, content, refusal);
        HostileInput Changed(string name, Func<RawZipEntry, RawZipEntry> change, string? refusal) => Zip(name, () => RawZip.Of(Files.Select(change)), refusal);

        yield return Zip("all files in their places", () => RawZip.Of(Files), null);
        yield return Zip("empty", () => RawZip.Of(), "holds no diffusers folder");
        yield return Zip("no zip", () => "hello"u8.ToArray(), "not a zip");
        yield return Zip("pickle of PyTorch", () => RawZip.Of(new RawZipEntry("archive/data.pkl", [0x80, 2])), "pickle");
        yield return Zip("weights as a pickle", () => RawZip.Of(Files[0], Files[2], new RawZipEntry("unet/diffusion_pytorch_model.bin", [0x80, 2])), "pickle");
        yield return Changed("below ../..", entry => entry with { Name = "../../" + entry.Name }, null);
        yield return Changed("below /etc", entry => entry with { Name = "/etc/" + entry.Name }, null);
        yield return Changed("with backslashes", entry => entry with { Name = entry.Name.Replace('/', '\\') }, null);
        yield return Zip("all files twice", () => RawZip.Of([.. Files, .. Files]), null);
        yield return Changed("encrypted", entry => entry with { Flags = 1 }, "");
        yield return Changed("links", entry => entry with { Attributes = 0xA1FF0000 }, "");
        yield return Changed("method 99", entry => entry with { Method = 99 }, "damaged");
        yield return Changed("method 8 without deflate", entry => entry with { Method = 8 }, "damaged");
        yield return Changed("wrong CRC", entry => entry with { Crc = 1 }, "");
        yield return Changed("offsets beyond the end", entry => entry with { Offset = 0x7FFFFFFF }, "");
        yield return Changed("sizes beyond the end", entry => entry with { StoredSize = 0x7FFFFFFF }, "");
        yield return Changed("sizes of 4 GiB announced", entry => entry with { Size = 0xFFFFFFFE }, "");
        yield return Changed("sizes of nothing announced", entry => entry with { Size = 0 }, "");
        yield return Zip("weights that are a folder", () => RawZip.Of(Files[0], Files[2], new RawZipEntry(Weights + "/", [])), "");
        yield return Zip("folder for a file", () => RawZip.Of([.. Files, new RawZipEntry("unet", [1])]), null);
        yield return Zip("configuration of 2 MB", () => RawZip.Of(Files[0] with { Stored = new byte[2 << 20] }, Files[1], Files[2]), "more than 1048576 bytes");
        yield return Zip("20,000 entries", () => RawZip.Of([.. Files, .. Enumerable.Range(0, 20_000).Select(n => new RawZipEntry($"{n}", []))]), "20003 entries");
        foreach (var quarter in Enumerable.Range(1, 3))
            yield return Zip($"cut after {quarter} quarters", () => RawZip.Of(Files) is var zip ? zip[..(zip.Length * quarter / 4)] : [], "damaged");
        yield return new HostileInput(InputKind.ModelZip, "bomb", Bomb, "20 times its size") { IsHeavy = true };
        foreach (var weights in WeightInputs.All().Where(input => input.IsHeavy)) // unpacked as any others; whoever loads them sees
            yield return new HostileInput(InputKind.ModelZip, $"weights: {weights.Name}", path => Around(weights, path), null) { IsHeavy = true };
    }

    private static void Around(HostileInput weights, string path)
    {
        weights.Make(path);
        var content = File.ReadAllBytes(path);
        File.WriteAllBytes(path, RawZip.Of(Files.Select(file => file.Name == Weights ? file with { Stored = content } : file)));
    }

    private static void Bomb(string path)
    {
        using var zip = System.IO.Compression.ZipFile.Open(path, System.IO.Compression.ZipArchiveMode.Create);
        foreach (var file in Files)
        {
            using var entry = zip.CreateEntry(file.Name, System.IO.Compression.CompressionLevel.Optimal).Open();
            entry.Write(file.Stored);
            if (file.Name == Weights)
                for (var n = 0; n < 1024; n++)
                    entry.Write(new byte[1 << 20]);
        }
    }
}
