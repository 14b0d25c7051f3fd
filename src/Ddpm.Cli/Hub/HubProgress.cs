using Ddpm.Cli.CommandLine;

namespace Ddpm.Cli.Hub;

/// <summary>Shows how far a download is.</summary>
internal sealed class HubProgress(ProgressDisplay display) : IProgress<double>
{
    /// <summary>Downloads something, with a progress bar.</summary>
    public static T Run<T>(Func<IProgress<double>, Task<T>> download) => ProgressDisplay.Run("Downloading", display => download(new HubProgress(display)).GetAwaiter().GetResult());

    public void Report(double value) => display.Report(value, 1);
}
