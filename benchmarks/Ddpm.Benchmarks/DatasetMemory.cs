using System.Diagnostics;
using System.Globalization;
using Ddpm.Engine.Data;
using Ddpm.Engine.Tests.Data;

namespace Ddpm.Benchmarks;

/// <summary>
/// Memory that the article's dataset takes: <c>-- dataset-memory FOLDER</c>. A set of the shape of huggan/anime-faces, 86,204 rows of parquet in which
/// every one of 21,551 pictures of 64×64 pixels is there four times, is made, decoded into a cache of 265 MB without its duplicates, and read in batches
/// of 64 for an epoch. Each part runs in a process of its own, whose memory is looked at every 20 milliseconds.
/// </summary>
/// <remarks>Linux: what a process has for itself (RssAnon) and what it shows of mapped files (RssFile), which the kernel takes back when it needs room.</remarks>
internal static class DatasetMemory
{
    public const string Name = "dataset-memory";

    private const string Nothing = "nothing";
    private const string Building = "build";
    private const string Reading = "read";
    private const int Pictures = 21_551;
    private const int Copies = 4;
    private const int Shards = 2;
    private const int Side = 64;
    private const int BatchSize = 64;

    public static async Task<int> RunAsync(string folder, string? part)
    {
        var (rows, cache) = (Path.Combine(folder, "hub"), Path.Combine(folder, "cache"));
        switch (part)
        {
            case null:
                Directory.CreateDirectory(folder);
                if (!Directory.Exists(rows))
                    await MakeAsync(rows);
                if (Directory.Exists(cache))
                    Directory.Delete(cache, recursive: true);
                return Start(folder, Nothing) + Start(folder, Building) + Start(folder, Reading);
            case Nothing:
                Measure(part, () => "the runtime alone");
                return 0;
            case Building:
                Measure(part, () => Build(rows, cache));
                return 0;
            default:
                Measure(part, () => Read(cache));
                return 0;
        }
    }

    private static async Task MakeAsync(string folder)
    {
        var watch = Stopwatch.StartNew();
        var data = Directory.CreateDirectory(Path.Combine(folder, "data")).FullName;
        using var listing = new FacesSource(Pictures, seed: 0, Side).Open(CancellationToken.None);
        var faces = listing.Entries.AsParallel().AsOrdered().Select(entry => entry.Read()).ToArray();
        var rows = Enumerable.Range(0, Copies).SelectMany(_ => faces).Select(face => ((byte[]?)face, (int?)null));
        var number = 0;
        foreach (var shard in rows.Chunk(Pictures * Copies / Shards))
            await HubParquet.WriteAsync(Path.Combine(data, $"train-{number++:00000}-of-{Shards:00000}.parquet"), shard);
        Console.WriteLine(FormattableString.Invariant($"made   {Pictures * Copies:N0} rows, {Megabytes(folder):N0} MB of parquet in {watch.Elapsed.TotalSeconds:0} s"));
    }

    private static string Build(string rows, string cache)
    {
        var manifest = DatasetBuilder.Build(new ParquetSource(rows), new DatasetOptions { Resolution = Side, Deduplicate = true }, cache, null, CancellationToken.None);
        return FormattableString.Invariant($"{manifest.Count:N0} pictures kept, {manifest.Duplicates:N0} duplicates left out, {Megabytes(cache):N0} MB of cache");
    }

    private static string Read(string cache)
    {
        using var dataset = ImageDataset.Open(cache);
        var batches = new BatchLoader(dataset, BatchSize, seed: 0, horizontalFlip: true);
        var (seen, sum) = (0, 0L);
        for (var n = 0L; n < batches.BatchesPerEpoch; n++)
        {
            var batch = batches.BatchAt(n).Images;
            seen += batch.Count;
            foreach (var value in batch.Pixels)
                sum += value;
        }
        return FormattableString.Invariant($"{seen:N0} pictures in {batches.BatchesPerEpoch} batches, mean value {(double)sum / seen / dataset.ImageBytes:0.00}");
    }

    private static int Start(string folder, string part)
    {
        using var process = Process.Start(Environment.ProcessPath!, [Name, folder, part]);
        process.WaitForExit();
        return process.ExitCode;
    }

    private static void Measure(string part, Func<string> work)
    {
        var (anonymous, mapped) = (0.0, 0.0);
        using var ended = new ManualResetEventSlim();
        var watcher = new Thread(() =>
        {
            do
            {
                (anonymous, mapped) = (Math.Max(anonymous, Status("RssAnon")), Math.Max(mapped, Status("RssFile")));
            }
            while (!ended.Wait(TimeSpan.FromMilliseconds(20)));
        });
        watcher.Start();
        var watch = Stopwatch.StartNew();
        var said = work();
        var seconds = watch.Elapsed.TotalSeconds;
        ended.Set();
        watcher.Join();
        Console.WriteLine(FormattableString.Invariant($"{part,-7} {seconds,6:0.0} s   peak: own {anonymous,4:0} MB, mapped files {mapped,4:0} MB, both {Status("VmHWM"),4:0} MB   {said}"));
    }

    private static double Status(string field) =>
        double.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal)).Split(':')[1].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1e3 * 1.024;

    private static double Megabytes(string folder) => new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length) / 1e6;
}
