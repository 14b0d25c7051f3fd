using System.Diagnostics;
using System.Globalization;
using Ddpm.Faults.Clusters;

namespace Ddpm.Faults.Injection;

/// <summary>Whatever the workers write, rename or wait for on their disks takes a tenth of a second longer: <c>strace</c> holds the calls up.</summary>
internal sealed class SlowArtifactDisk : Fault
{
    private const int DelayMicroseconds = 100_000;
    private const string Calls = "fsync,fdatasync,pwrite64,rename,mkdir,unlink,ftruncate";
    private static readonly TimeSpan Attaching = TimeSpan.FromSeconds(1);

    public override string Name => "a disk of the artifacts that takes 0.1 s more for every write, rename and fsync";

    public override string Recovery => "nothing is to happen";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var at = DateTime.UtcNow;
        List<Process> tracers = [];
        try
        {
            tracers.AddRange(cluster.Workers.Where(worker => !worker.IsFrozen).Select(worker => Start(worker.ProcessId)).OfType<Process>());
            await Task.Delay(Attaching);
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
