using System.IO.Compression;
using System.Text.RegularExpressions;

namespace Ddpm.Engine.Evaluation.Features;

/// <summary>Looks a TorchScript file over before libtorch does: libtorch ends the process at an operator that it does not know.</summary>
internal static partial class TorchScriptArchive
{
    private const long MostCode = 64 << 20;

    private static readonly string[] KnownNamespaces = ["aten", "prim", "quantized", "mkldnn", "prepacked"];

    /// <exception cref="EvaluationException">It is no TorchScript file, or asks for operators of an extension.</exception>
    public static void Check(string path)
    {
        var name = Path.GetFileName(path);
        try
        {
            using var zip = ZipFile.OpenRead(path);
            if (!zip.Entries.Any(entry => entry.FullName.EndsWith("/constants.pkl", StringComparison.Ordinal)))
                throw new EvaluationException($"{name} is no TorchScript file{(zip.Entries.Any(entry => entry.Name == "data.pkl") ? ": it holds weights without code" : "")}. Save one with torch.jit.save.");
            var code = zip.Entries.Where(entry => entry.FullName.Contains("/code/", StringComparison.Ordinal) && entry.Name.EndsWith(".py", StringComparison.Ordinal)).ToList();
            if (code.Sum(entry => entry.Length) > MostCode)
                throw new EvaluationException($"{name} has more than {MostCode >> 20} MiB of code.");
            foreach (var entry in code)
                CheckCode(entry, name);
        }
        catch (InvalidDataException damage)
        {
            throw new EvaluationException($"{name} is no TorchScript file: it is no zip, or a damaged one. Save one with torch.jit.save.", damage);
        }
    }

    private static void CheckCode(ZipArchiveEntry entry, string name)
    {
        using var reader = new StreamReader(entry.Open());
        var foreign = Operator().Matches(reader.ReadToEnd()).FirstOrDefault(match => !KnownNamespaces.Contains(match.Groups[1].Value));
        if (foreign is not null)
            throw new EvaluationException($"{name} uses {foreign.Groups[1].Value}::{foreign.Groups[2].Value}, an operator of an extension, which libtorch alone does not have.");
    }

    [GeneratedRegex(@"\bops\.(\w+)\.(\w+)")]
    private static partial Regex Operator();
}
