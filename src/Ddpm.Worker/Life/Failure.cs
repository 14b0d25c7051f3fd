using System.Data.Common;
using System.Runtime.InteropServices;
using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Training;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Ddpm.Worker.Hub;

namespace Ddpm.Worker.Life;

/// <summary>Turns exceptions into what the row says.</summary>
internal static class Failure
{
    private const string OutOfMemory =
        "The device ran out of memory. Ask for less at once: a smaller batch, fewer channels or layers, a lower resolution.";

    private const string DiskFull =
        "The disk of the worker is full. Delete checkpoints, datasets or samples, or give it more room; then try again.";

    /// <summary>A sentence for the job's user; null for an exception that is a fault of ours.</summary>
    public static string? SentenceFor(Exception exception) => exception switch
    {
        JobFailedException or DiskFullException => exception.Message,
        _ when DiskFullException.IsDiskFull(exception) => DiskFull,
        HubException or CheckpointException or DatasetException or UNetConfigException or TrainingException or SamplingException or EvaluationException or TorchRuntimeException => exception.Message,
        OutOfMemoryException => OutOfMemory,
        ExternalException and not DbException when SaysThatMemoryRanOut(exception.Message) => OutOfMemory,
        _ => null,
    };

    /// <summary>The same in a word for metrics: one of <see cref="FailureReason"/>.</summary>
    public static string ReasonFor(Exception exception) => exception switch
    {
        JobFailedException { InnerException: { } inner } when ReasonFor(inner) is var reason and not FailureReason.Unexpected => reason,
        JobFailedException => FailureReason.Request,
        _ when DiskFullException.IsDiskFull(exception) => FailureReason.DiskFull,
        HubException => FailureReason.Hub,
        CheckpointException or UNetConfigException => FailureReason.Model,
        DatasetException => FailureReason.Dataset,
        TrainingException => FailureReason.Diverged,
        SamplingException or EvaluationException => FailureReason.Request,
        TorchRuntimeException => FailureReason.Runtime,
        _ when SentenceFor(exception) == OutOfMemory => FailureReason.OutOfMemory,
        _ => FailureReason.Unexpected,
    };

    // As CUDA's allocator, and that of a CPU, say it. CUDA speaks of an illegal access to memory, too, which is a fault of ours.
    private static bool SaysThatMemoryRanOut(string message) =>
        Array.Exists(["out of memory", "can't allocate memory", "not enough memory"], words => message.Contains(words, StringComparison.OrdinalIgnoreCase));

    /// <summary>What the row says of a fault of ours: enough to find it in the log, no stack trace.</summary>
    public static string Unexpected(Exception exception) =>
        $"The worker ran into an error it did not expect ({exception.GetType().Name}). Its log says more; trying again may help.";
}
