using Ddpm.Engine.Sampling.Steps;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>How many pictures a call may have for its memory, and what a request needs in all.</summary>
internal static class CallMemory
{
    /// <summary>Rows of the largest call that takes no more than half of what is free: calls of other models, and training, want some too.</summary>
    public static int MostRows(StepNetwork network)
    {
        if (network.CallBytes is not { } bytes || FreeMemory.On(network.Device) is not { } free)
            return CallCosts.MostRows;
        var rows = CallCosts.MostRows;
        while (rows > 1 && bytes(rows) > free / 2)
            rows /= 2;
        return rows;
    }

    /// <summary>Bytes on the host and on the device that drawing takes at its height, in calls as small as can be; those of a CPU are all the host's.</summary>
    /// <param name="network">Asked.</param>
    /// <param name="images">What is drawn; at least one.</param>
    /// <param name="pixels">Of a picture, all channels.</param>
    /// <param name="frames">Of a trajectory, beside the pictures themselves; 0 for none.</param>
    public static (long Host, long Device) Peak(StepNetwork network, IReadOnlyList<ImageToDraw> images, long pixels, int frames)
    {
        var first = new RunningImage(images[0], 0); // its plan is that of all
        var results = images.Count * pixels * (1 + frames);
        var starts = images.Where(image => image.Start is not null).Distinct().Count() * pixels * sizeof(float);
        var states = images.Count * pixels * sizeof(float) * (first.Remembers ? 4 : 1);
        var call = network.CallBytes?.Invoke(first.IsGuided ? 2 : 1) ?? 0;
        return network.IsOnHost ? (results + starts + states + call, 0) : (results + starts, states + call);
    }
}
