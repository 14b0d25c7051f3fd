namespace Ddpm.Cli.Bench;

/// <summary>What libtorch says when it fails: many lines and sentences, of which one gives the reason.</summary>
internal static class NativeFault
{
    private static readonly string[] Wordless = ["The following operation failed", "Traceback of TorchScript", "RuntimeError: The following", "[enforce fail"];

    /// <summary>The sentence that a person wants, without the full stop.</summary>
    public static string LineOf(Exception fault)
    {
        var lines = fault.Message.Split(["\n", ". "], StringSplitOptions.None).Select(line => line.Trim()).Where(line => line.Length > 0).ToList();
        var reason = lines.FindLast(line => line.StartsWith("RuntimeError: ", StringComparison.Ordinal) && !Wordless.Any(line.StartsWith))?["RuntimeError: ".Length..];
        return (reason ?? lines.Find(line => !Wordless.Any(line.StartsWith)) ?? fault.GetType().Name).TrimEnd('.');
    }
}
