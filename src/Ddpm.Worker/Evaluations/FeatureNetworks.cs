using Ddpm.Engine.Evaluation.Features;
using Ddpm.Jobs.Evaluations;
using Ddpm.Worker.Life;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Evaluations;

/// <summary>Feature networks that the administrator has placed in <c>Worker:FeatureNetworks</c>. They are programs: users name them and never bring them.</summary>
internal sealed class FeatureNetworks(WorkerDevice device, IOptions<WorkerOptions> options)
{
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="JobFailedException">There is none of that name.</exception>
    /// <exception cref="Engine.Evaluation.EvaluationException">It cannot be used.</exception>
    public FeatureNetwork Load(FeatureSpec spec)
    {
        if (options.Value.FeatureNetworks is not { Length: > 0 } folder)
            throw new JobFailedException("This worker has no feature networks: its administrator has to name a folder of TorchScript files (Worker:FeatureNetworks).");
        var path = Path.Combine(folder, spec.Network);
        if (Path.GetFileName(spec.Network) != spec.Network || !File.Exists(path))
            throw new JobFailedException($"There is no feature network '{spec.Network}'; {Known(folder)}.");
        return FeatureNetwork.Load(path, new FeatureConfig { Side = spec.Size, Range = FeatureRanges.Parse(spec.Range) }, device.Device);
    }

    private static string Known(string folder)
    {
        var names = Directory.Exists(folder) ? Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal).Take(20).ToList() : [];
        return names.Count == 0 ? "the worker's folder of them is empty" : $"there are {string.Join(", ", names)}";
    }
}
