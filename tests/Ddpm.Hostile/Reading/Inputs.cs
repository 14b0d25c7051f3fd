using Ddpm.Hostile.Corpus;

namespace Ddpm.Hostile.Reading;

/// <summary>Makes inputs of the corpus and judges what becomes of them.</summary>
internal static class Inputs
{
    /// <summary>Makes an input below an empty folder.</summary>
    public static string Make(HostileInput input, string folder)
    {
        var path = Directory.CreateDirectory(Path.Combine(folder, "in")).FullName;
        if (input.Kind is not (InputKind.Folder or InputKind.Index))
            path = Path.Combine(path, input.Kind switch { InputKind.Weights => "weights.safetensors", InputKind.Picture => "picture.png", InputKind.Parquet => "x.parquet", _ => "input" });
        input.Make(path);
        return path;
    }

    public static string? Read(HostileInput input, string folder) => Readers.Refusal(input.Kind, Make(input, folder));

    public static void AssertExpected(HostileInput input, string? refusal)
    {
        if (refusal is not null && Sentences.Fault(refusal) is { } fault)
            Assert.Fail($"{fault} {refusal[..Math.Min(300, refusal.Length)]}");
        if (input.Refusal is null)
            Assert.Null(refusal);
        else
            Assert.Contains(input.Refusal, refusal ?? "", StringComparison.Ordinal); // "" is part of every text, and of none
    }
}
