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

    /// <summary>Bytes that drawing takes at its height, in calls as small as can be.</summary>
    /// <param name="network">Asked.</param>
    /// <param name="request">What is drawn.</param>
    /// <param name="plan">Its sampler's.</param>
    /// <param name="pixels">Of a picture, all channels.</param>
    /// <param name="trajectory">Whether its steps are kept.</param>
    public static SamplingMemory Peak(StepNetwork network, SampleRequest request, SamplingPlan plan, long pixels, bool trajectory)
    {
        var results = request.Count * pixels * (trajectory ? Trajectory.FramesOf(plan.Steps.Count) : 1);
        var starts = request.Guide is null ? 0 : request.Count * pixels * sizeof(float);
        var states = request.Count * pixels * sizeof(float) * (plan.Steps.Any(step => step.Memory != default) ? 4 : 1);
        var call = network.CallBytes?.Invoke(request.GuidanceScale == 1 ? 1 : 2) ?? 0;
        return network.IsOnHost ? new(results + starts + states + call, 0) : new(results + starts, states + call);
    }
}
