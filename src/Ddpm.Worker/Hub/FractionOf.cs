using Ddpm.Jobs.Life;

namespace Ddpm.Worker.Hub;

/// <summary>A download as the first part of a job.</summary>
internal sealed class FractionOf(JobLease lease, double part) : IProgress<double>
{
    public void Report(double value) => lease.Progress = part * value;
}
