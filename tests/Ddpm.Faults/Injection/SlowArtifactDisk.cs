using System.Diagnostics;
using System.Globalization;
using Ddpm.Faults.Clusters;
using Ddpm.TestSupport;

namespace Ddpm.Faults.Injection;

/// <summary>What the workers do on their disks takes a tenth of a second longer a call: <c>strace</c> holds them up, and slows everything else of theirs a little, too.</summary>
internal sealed class SlowArtifactDisk : Fault
{
    private const int DelayMicroseconds = 100_000;
    private const string Calls = "fsync,fdatasync,pwrite64,rename";

    public override string Name => "a disk of the artifacts that takes 0.1 s more for every write into a file, rename and fsync";

    public override string Recovery => "nothing is to happen";

    /// <summary>Whether <c>strace</c> is there, and may trace what others have started.</summary>
    public static async Task<bool> IsPossibleAsync()
    {
        try
        {
            await Programs.RunAsync("sh", ["-c", "sleep 5 & strace -q -o /dev/null -p $! -e trace=none & sleep 1; kill -0 $!"]); // it has ended where it was refused
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var at = DateTime.UtcNow;
        List<Process> tracers = [];
        try
        {
            foreach (var process in cluster.Workers.Where(worker => !worker.IsFrozen).Select(worker => worker.ProcessId))
            {
                if (Start(process) is not { } tracer)
                    continue;
                tracers.Add(tracer);
                await Eventually.BecomesTrueAsync("strace holds a worker's calls up, or is refused", () => tracer.HasExited || IsTraced(process));
            }

            foreach (var refused in tracers.Where(tracer => tracer.HasExited))
                Console.WriteLine($"strace could not hold up a worker's calls: {await refused.StandardError.ReadToEndAsync()}");
            if (tracers.TrueForAll(tracer => tracer.HasExited))
                return null;
            await Task.Delay(cluster.Settings.Lease * 1.2);
            return new Injected(at);
        }
        finally
        {
            foreach (var tracer in tracers)
            {
                if (!tracer.HasExited)
                    using (var end = Process.Start("kill", tracer.Id.ToString(CultureInfo.InvariantCulture))) // it lets go of the worker first
                        await end.WaitForExitAsync();
                await tracer.WaitForExitAsync();
                tracer.Dispose();
            }
        }
    }

    private static bool IsTraced(int process) => File.ReadLines($"/proc/{process}/status").Any(line => line.StartsWith("TracerPid:", StringComparison.Ordinal) && !line.EndsWith("\t0", StringComparison.Ordinal));

    private static Process? Start(int process)
    {
        string[] arguments =
        [
            "-f", "-q", "-o", "/dev/null", "-p", process.ToString(CultureInfo.InvariantCulture), "-e", $"trace={Calls}",
            "-e", string.Create(CultureInfo.InvariantCulture, $"inject={Calls}:delay_enter={DelayMicroseconds}"),
        ];
        try
        {
            return Process.Start(new ProcessStartInfo("strace", arguments) { RedirectStandardError = true });
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            Console.WriteLine($"strace cannot be started: {missing.Message}");
            return null;
        }
    }
}
