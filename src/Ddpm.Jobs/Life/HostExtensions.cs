using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Ddpm.Jobs.Life;

/// <summary>How every process of ours starts and ends.</summary>
public static class HostExtensions
{
    /// <summary>Starts a host; one that is told to stop while it starts ends in order, not with an exception.</summary>
    /// <returns>False where it was told to stop.</returns>
    public static async Task<bool> TryStartAsync(this IHost host, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(host);
        var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        try
        {
            await host.StartAsync(cancellationToken);
            return true;
        }
        catch (Exception reason)
        {
            await StopAsync(host);
            if (reason is OperationCanceledException && (stopping.IsCancellationRequested || cancellationToken.IsCancellationRequested))
                return false;
            throw;
        }
    }

    // What had started is told to stop: ended without a word, it would report that it was cancelled, with its stack.
    private static async Task StopAsync(IHost host)
    {
        try
        {
            await host.StopAsync();
        }
#pragma warning disable CA1031 // Why the start failed is what counts.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }

    /// <summary>Runs a host until it is told to stop, be it while it starts.</summary>
    public static async Task RunToTheEndAsync(this IHost host)
    {
        ArgumentNullException.ThrowIfNull(host);
        if (await host.TryStartAsync())
            await host.WaitForShutdownAsync();
    }
}
