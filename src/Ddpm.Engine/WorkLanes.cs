using System.Runtime.ExceptionServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine;

/// <summary>Does numbered pieces of work with a network: on a GPU one after another, on a CPU several side by side, each on one thread, which
/// is the faster way for small networks.</summary>
internal static class WorkLanes
{
    /// <param name="count">Pieces, numbered from 0.</param>
    /// <param name="device">Where the network is.</param>
    /// <param name="threads">Side by side on a CPU; null for <see cref="TorchRuntime.Threads"/>.</param>
    /// <param name="work">Does one piece, within a dispose scope and without gradients. Called from several threads at once on a CPU.</param>
    /// <param name="cancellationToken">Looked at between pieces.</param>
    public static void Run(int count, Device device, int? threads, Action<int> work, CancellationToken cancellationToken)
    {
        var next = -1;
        ExceptionDispatchInfo? failure = null;
        if (device.type == DeviceType.CUDA)
        {
            WorkUntilNoneIsLeft();
        }
        else
        {
            var lanes = Enumerable.Range(0, Math.Min(threads ?? TorchRuntime.Threads, count)).Select(_ => new Thread(Lane) { IsBackground = true }).ToList();
            lanes.ForEach(lane => lane.Start());
            lanes.ForEach(lane => lane.Join());
        }

        failure?.Throw();

        void Lane()
        {
            set_num_threads(1); // counts for this thread's OpenMP regions only
            WorkUntilNoneIsLeft();
        }

        void WorkUntilNoneIsLeft()
        {
            try
            {
                for (var index = Interlocked.Increment(ref next); index < count && failure is null; index = Interlocked.Increment(ref next))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    using var scope = NewDisposeScope();
                    using var noGradients = inference_mode();
                    work(index);
                }
            }
            catch (Exception fault)
            {
                // Carried to the caller's thread, with its stack trace.
                failure = ExceptionDispatchInfo.Capture(fault);
            }
        }
    }
}
