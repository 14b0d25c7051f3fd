using System.Text.Json.Nodes;
using Ddpm.Engine.Checkpoints;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>One folder of numbers from the reference implementation: <c>case.json</c> says what they are.</summary>
internal sealed class ReferenceCase : IDisposable
{
    private readonly Safetensors _tensors;

    private ReferenceCase(string folder)
    {
        Folder = folder;
        Json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "case.json")))!;
        _tensors = Safetensors.Open(Path.Combine(folder, "case.safetensors"));
    }

    public string Folder { get; }

    public string Name => Path.GetFileName(Folder);

    public JsonNode Json { get; }

    public string Kind => Json["kind"]!.ToString();

    /// <summary>All cases below a folder, by name.</summary>
    public static IEnumerable<ReferenceCase> Below(string root) => Directory.EnumerateDirectories(root)
        .Where(folder => File.Exists(Path.Combine(folder, "case.json"))).Order(StringComparer.Ordinal).Select(folder => new ReferenceCase(folder));

    public Tensor Tensor(string name) => _tensors.Read(name);

    /// <summary>How far a float32 computation may be off.</summary>
    public double Tolerance(string tensor) => Json["tensors"]![tensor]!["atol"]!.GetValue<double>();

    public void Dispose() => _tensors.Dispose();
}
