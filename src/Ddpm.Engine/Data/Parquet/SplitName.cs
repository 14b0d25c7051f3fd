using System.Text.RegularExpressions;

namespace Ddpm.Engine.Data.Parquet;

/// <summary>Which split of a dataset a file belongs to, as its place says.</summary>
internal static partial class SplitName
{
    /// <summary>The split of files whose names say nothing.</summary>
    public const string Usual = "train";

    private static readonly Dictionary<string, string> _words = new (string Split, string[] Words)[]
    {
        (Usual, ["train", "training"]),
        ("validation", ["validation", "valid", "val", "dev"]),
        ("test", ["test", "testing", "eval", "evaluation"]),
    }.SelectMany(split => split.Words.Select(word => (word, split.Split))).ToDictionary(StringComparer.OrdinalIgnoreCase);

    /// <param name="file">With forward slashes, such as <c>data/train-00000-of-00002.parquet</c>, <c>default/test/0000.parquet</c> or <c>val.parquet</c>.</param>
    public static string Of(string file)
    {
        var parts = file.Split('/');
        if (Shard().Match(parts[^1]) is { Success: true } shard)
            return shard.Groups[1].Value;
        // The nearest word counts: that of the file before those of its folders.
        return parts.Reverse().SelectMany(part => Separators().Split(part)).Where(_words.ContainsKey).Select(word => _words[word]).FirstOrDefault(Usual);
    }

    // Older releases append a hash: train-00000-of-00002-a1b2c3d4e5f60718.parquet.
    [GeneratedRegex(@"^(\w+(?:\.\w+)*)-\d+-of-\d+(?:-[0-9a-f]+)?\.parquet$", RegexOptions.IgnoreCase)]
    private static partial Regex Shard();

    [GeneratedRegex("[-._ 0-9]+")]
    private static partial Regex Separators();
}
