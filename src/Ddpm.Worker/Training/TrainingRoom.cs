using Ddpm.Engine.Training;
using Ddpm.Worker.Life;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Training;

/// <summary>Whether the device has the memory that a run cannot do without: one that runs out of a machine's memory is killed with the worker, and all that the worker does.</summary>
/// <remarks>Only what is never enough is refused: neither what is taken by others now is looked at, nor what a run takes beyond the least.</remarks>
internal sealed class TrainingRoom(WorkerDevice device, IOptions<WorkerOptions> options)
{
    private const double MiB = 1024 * 1024;

    /// <summary>Says whether there is so much at all.</summary>
    /// <param name="least">As the engine counts it.</param>
    /// <exception cref="JobFailedException">It is more than there is.</exception>
    public void Require(TrainingMemory least)
    {
        var most = options.Value.MaxTrainingMemoryBytes ?? device.AllBytes() ?? long.MaxValue;
        if (least.Bytes > most)
            throw new JobFailedException(FormattableString.Invariant(
                $"Training needs at least {least.Bytes / MiB:0} MiB of memory, {least.StateBytes / MiB:0} for the weights and their optimizer and {least.StepBytes / MiB:0} for a step; this worker gives {most / MiB:0} MiB (Worker:MaxTrainingMemoryBytes). Ask for a smaller batch, fewer channels, layers or levels, a lower resolution, or gradientCheckpointing."));
    }
}
