using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Ddpm.Hostile.Reading;

namespace Ddpm.Hostile.Fuzzing;

/// <summary>Gives very many inputs, made from a seed, to the readers, in equal parts: no exception but the documented, none that takes long, memory bounded.</summary>
internal static partial class FuzzCommand
{
    private const int UsualCases = 1_050_000;
    private const int MostShown = 20;
    private const long MostBytes = 1L << 30;
    private static readonly TimeSpan _slow = TimeSpan.FromSeconds(10);

    /// <summary>Runs <c>[--cases N] [--seed N] [--from N]</c>.</summary>
    public static int Run(string[] options)
    {
        var (cases, seed, from) = (UsualCases, 1, 0);
        for (var n = 0; n < options.Length; n += 2)
        {
            if (n + 1 == options.Length || !int.TryParse(options[n + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                return Usage();
            switch (options[n])
            {
                case "--cases":
                    cases = number;
                    break;
                case "--seed":
                    seed = number;
                    break;
                case "--from":
                    from = number;
                    break;
                default:
                    return Usage();
            }
        }

        var memory = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        var folder = Directory.CreateDirectory(Path.Combine(memory, $"ddpm-fuzz-{Environment.ProcessId}")).FullName;
        try
        {
            using var files = new FileTargets(folder);
            return Run([.. files.All(), RequestTarget.Target], cases, seed, from);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Run(FuzzTarget[] targets, int cases, int seed, int from)
    {
        var watch = Stopwatch.StartNew();
        var (accepted, refused) = (new int[targets.Length], new int[targets.Length]);
        var refusals = targets.Select(_ => new ConcurrentDictionary<string, byte>()).ToArray();
        var faults = new ConcurrentQueue<string>();
        var (slowest, before, most) = (0L, Environment.WorkingSet, 0L);
        var running = new ConcurrentDictionary<int, long>(); // cases that have begun, and when
        using var watchdog = new Timer(_ => StopIfStuck(running), null, _slow, TimeSpan.FromSeconds(1));

        Parallel.For(from, from + cases, number =>
        {
            var target = number % targets.Length;
            var input = targets[target].Generate(new Random(unchecked(seed * 1_000_003 + number)));
            var begin = running[number] = Stopwatch.GetTimestamp();
            try
            {
                var refusal = targets[target].Refusal(input);
                Interlocked.Increment(ref (refusal is null ? accepted : refused)[target]);
                if (refusal is not null)
                {
                    refusals[target].TryAdd(Quoted().Replace(refusal, "…"), 0);
                    if (Sentences.Fault(refusal) is { } unclear)
                        faults.Enqueue($"case {number}, {targets[target].Name}: {unclear} {refusal}");
                }
            }
#pragma warning disable CA1031 // whatever it is, it is a fault
            catch (Exception fault)
#pragma warning restore CA1031
            {
                faults.Enqueue($"case {number}, {targets[target].Name}: {fault}");
            }
            running.TryRemove(number, out var _);
            var took = Stopwatch.GetTimestamp() - begin;
            if (took > Interlocked.Read(ref slowest))
                Interlocked.Exchange(ref slowest, took);
            if (number % 1000 == 0 && Environment.WorkingSet is var now && now > Interlocked.Read(ref most))
                Interlocked.Exchange(ref most, now);
        });

        for (var n = 0; n < targets.Length; n++)
            Say($"{targets[n].Name}: {accepted[n] + refused[n]} cases, {accepted[n]} accepted, {refused[n]} refused in {refusals[n].Count} different sentences");
        Say($"{cases} cases of seed {seed} in {watch.Elapsed.TotalSeconds:0} s; the slowest took {Stopwatch.GetElapsedTime(0, slowest).TotalMilliseconds:0} ms; memory grew by at most {Math.Max(0, most - before) >> 20} MiB; {faults.Count} faults");
        foreach (var fault in faults.Take(MostShown))
            Console.WriteLine(fault);
        return faults.IsEmpty && most - before < MostBytes ? 0 : 1;
    }

    private static void StopIfStuck(ConcurrentDictionary<int, long> running)
    {
        foreach (var (number, begin) in running)
        {
            if (Stopwatch.GetElapsedTime(begin) <= _slow)
                continue;
            Console.Error.WriteLine($"Case {number} has not ended within {_slow.TotalSeconds:0} seconds.");
            Environment.Exit(1);
        }
    }

    private static int Usage()
    {
        Console.Error.WriteLine("fuzz [--cases N] [--seed N] [--from N]: N is a whole number. --from begins with a later case, to see one again.");
        return 2;
    }

    private static void Say(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    [GeneratedRegex("'[^']*'|\"[^\"]*\"|[0-9]+")]
    private static partial Regex Quoted();
}
