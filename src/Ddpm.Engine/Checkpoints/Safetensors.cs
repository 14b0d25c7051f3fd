using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Checkpoints;

/// <summary>A safetensors file, open for reading. The header is checked when it is opened; data is read tensor by tensor.</summary>
/// <remarks>Format: u64 little-endian header length, JSON header, raw little-endian data
/// (https://github.com/huggingface/safetensors). No other weight format is ever read: pickles can run code.</remarks>
public sealed class Safetensors : IDisposable
{
    private readonly FileStream _file;
    private readonly Dictionary<string, SafetensorsEntry> _entries;

    private Safetensors(FileStream file, List<SafetensorsEntry> entries, Dictionary<string, string> metadata)
    {
        _file = file;
        _entries = entries.ToDictionary(entry => entry.Name);
        Metadata = metadata;
    }

    /// <summary>The file's tensors.</summary>
    public IReadOnlyCollection<SafetensorsEntry> Entries => _entries.Values;

    /// <summary>The free text that the file carries.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="CheckpointException">The file is missing, or its header lies.</exception>
    public static Safetensors Open(string path)
    {
        if (!File.Exists(path))
            throw new CheckpointException($"{Path.GetFileName(path)} is missing in {Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(path)))}.");
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        try
        {
            var (entries, metadata) = SafetensorsHeader.Read(file, path);
            return new Safetensors(file, entries, metadata);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is a tensor of this name.</summary>
    public bool Contains(string name) => _entries.ContainsKey(name);

    /// <summary>Reads one tensor, on the CPU, in the type it is stored in; the caller disposes it.</summary>
    /// <exception cref="CheckpointException">There is none of this name, or the file has become shorter.</exception>
    public Tensor Read(string name)
    {
        if (!_entries.TryGetValue(name, out var entry))
            throw new CheckpointException($"{Path.GetFileName(_file.Name)} holds no tensor '{name}'.");
        var tensor = empty([.. entry.Shape], dtype: SafetensorsTypes.TypeOf(entry.Dtype));
        if (entry.Length == 0)
            return tensor;
        try
        {
            _file.Position = entry.Offset;
            tensor.ReadBytesFromStream(_file);
            return tensor;
        }
        catch (Exception fault) when (fault is IOException)
        {
            tensor.Dispose();
            throw new CheckpointException($"{Path.GetFileName(_file.Name)} ends in the middle of tensor '{name}'.", fault);
        }
    }

    /// <summary>Writes a file with these tensors, flushed to the disk, in the order of their names.</summary>
    /// <param name="path">Made or replaced.</param>
    /// <param name="tensors">On any device. Borrowed.</param>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var sorted = tensors.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToList();
        var entries = new List<SafetensorsEntry>();
        long offset = 0;
        foreach (var (name, tensor) in sorted)
        {
            var length = tensor.numel() * tensor.dtype.ElementSize();
            entries.Add(new SafetensorsEntry(name, SafetensorsTypes.NameOf(tensor.dtype), tensor.shape, offset, length));
            offset += length;
        }

        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 20);
        // The metadata is what transformers and diffusers look for before they believe a file.
        file.Write(SafetensorsHeader.Write(entries, new Dictionary<string, string> { ["format"] = "pt" }));
        foreach (var (_, tensor) in sorted)
        {
            using var onCpu = tensor.detach().cpu().contiguous();
            if (onCpu.numel() > 0)
                onCpu.WriteBytesToStream(file);
        }

        file.Flush(flushToDisk: true);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
