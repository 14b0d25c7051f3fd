using System.Globalization;
using Ddpm.Hostile.Corpus;

namespace Ddpm.Hostile.Reading;

/// <summary>Reads one input in this process and prints three lines: the refusal, or nothing; memory before; the most memory since, both in KiB.</summary>
internal static class MeasuredRead
{
    public static int Run(string kind, string path)
    {
        var before = Status("VmRSS");
        File.WriteAllText("/proc/self/clear_refs", "5"); // the peak counts from here
        var refusal = Readers.Refusal(Enum.Parse<InputKind>(kind), path);
        Console.WriteLine($"{refusal}\n{before}\n{Status("VmHWM")}");
        return 0;
    }

    private static long Status(string name) =>
        long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(':')[1].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
}
