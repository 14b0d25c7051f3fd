using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using TorchSharp;

namespace Ddpm.Cli.Bench;

/// <summary>What a measurement is told.</summary>
/// <param name="Temporary">For files that are made on the way.</param>
/// <param name="CancellationToken">Looked at between runs.</param>
internal sealed record BenchOptions(TemporaryFolder Temporary, CancellationToken CancellationToken)
{
    /// <summary>A diffusers folder, a model that comes with the program, or one of <see cref="NamedNetwork.Names"/>.</summary>
    public required string Model { get; init; }

    /// <summary>A TorchScript file of the same network, which is measured in turns with ours; null for the plain network of ours.</summary>
    public string? Baseline { get; init; }

    /// <summary>Pictures of a call.</summary>
    public required IReadOnlyList<int> Batches { get; init; }

    public required IReadOnlyList<SamplingPrecision> Precisions { get; init; }

    public required torch.Device Device { get; init; }

    /// <summary>CPU threads; null for all cores.</summary>
    public int? Threads { get; init; }

    /// <summary>How often each thing is measured.</summary>
    public required int Runs { get; init; }

    /// <summary>Steps of a sampling run.</summary>
    public required int Steps { get; init; }

    /// <summary>Folder of reference numbers; null where none is given.</summary>
    public string? Fixtures { get; init; }

    /// <summary>How a GPU runs the network.</summary>
    public required CudaOptions Cuda { get; init; }

    /// <summary>Refuses a model that knows classes, for a measurement that draws pictures of none.</summary>
    /// <exception cref="UserErrorException">It does.</exception>
    public void RequireNoClasses(string subject)
    {
        if (DiffusersFolder.Open(ModelFolder).Network.NumClassEmbeds is { } classes)
            throw new UserErrorException($"bench {subject} needs a model without classes; '{ModelName}' knows {classes}.");
    }

    /// <summary>The last part of <see cref="Model"/>, for reports.</summary>
    public string ModelName => Path.GetFileName(Path.TrimEndingDirectorySeparator(Model));

    /// <summary>The folder of <see cref="Model"/>, for those who only call the network or train it: it may lack a noise schedule.</summary>
    public string NetworkFolder => Bench.NetworkFolder.Of(Model, Temporary);

    /// <summary>The folder of <see cref="Model"/>.</summary>
    public string ModelFolder => NamedNetwork.FolderOf(Model, Temporary);
}
