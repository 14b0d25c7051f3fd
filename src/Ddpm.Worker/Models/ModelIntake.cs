using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using Ddpm.Jobs.Models;
using static TorchSharp.torch;

namespace Ddpm.Worker.Models;

/// <summary>Looks a diffusers folder over and describes it as a checkpoint.</summary>
internal sealed class ModelIntake(TimeProvider clock)
{
    private const int UsualSide = 64;

    /// <summary>Loads the folder once, on the CPU, so that what is taken in can be used. Weights that memory has no room for are refused: a worker that dies of them takes its other jobs along.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="account">Whose checkpoint it becomes.</param>
    /// <returns>A row whose artifact key is where the folder is to go.</returns>
    /// <exception cref="CheckpointException">It cannot be used, or is of a kind that is not supported.</exception>
    public Checkpoint Check(string folder, string account)
    {
        var files = DiffusersFolder.Open(folder);
        files.RequireDrawable();
        var id = Guid.CreateVersion7();
        return new Checkpoint
        {
            Id = id,
            Account = account,
            Ema = false,
            Parameters = CountParameters(files),
            Operations = NetworkOperations.PerPicture(files.Network, files.Network.SampleSize ?? UsualSide),
            Resolution = files.Network.SampleSize ?? UsualSide,
            Channels = files.Network.InChannels,
            NetworkConfig = files.Network.ToJson(),
            SchedulerConfig = files.ScheduleKeys.ToJsonString(), // as it came: its class and what only that reads decide how samples are drawn
            Bytes = new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length),
            Sha256 = files.WeightsSha256(),
            ArtifactKey = $"models/{id}",
            CreatedAt = clock.GetUtcNow().UtcDateTime,
        };
    }

    // The network alone: a model for drawing would prepare the weights of it once more.
    private static long CountParameters(DiffusersFolder files)
    {
        TorchRuntime.Initialize();
        files.RequireMemory();
        using var network = files.LoadNetwork(CPU);
        return network.parameters().Sum(parameter => parameter.numel());
    }
}
