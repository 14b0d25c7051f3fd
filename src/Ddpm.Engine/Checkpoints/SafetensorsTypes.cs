using static TorchSharp.torch;

namespace Ddpm.Engine.Checkpoints;

/// <summary>The format's names of number types, beside torch's.</summary>
internal static class SafetensorsTypes
{
    private static readonly Dictionary<string, (ScalarType Type, int Size)> Types = new()
    {
        ["F64"] = (ScalarType.Float64, 8),
        ["F32"] = (ScalarType.Float32, 4),
        ["F16"] = (ScalarType.Float16, 2),
        ["BF16"] = (ScalarType.BFloat16, 2),
        ["I64"] = (ScalarType.Int64, 8),
        ["I32"] = (ScalarType.Int32, 4),
        ["I16"] = (ScalarType.Int16, 2),
        ["I8"] = (ScalarType.Int8, 1),
        ["U8"] = (ScalarType.Byte, 1),
        ["BOOL"] = (ScalarType.Bool, 1),
    };

    public static IEnumerable<string> Names => Types.Keys;

    public static bool TryGetSize(string name, out int size)
    {
        var known = Types.TryGetValue(name, out var type);
        size = type.Size;
        return known;
    }

    public static ScalarType TypeOf(string name) => Types[name].Type;

    public static string NameOf(ScalarType type) => Types.Single(pair => pair.Value.Type == type).Key;
}
