using Ddpm.Api.Http;
using Ddpm.Api.Samples;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;

namespace Ddpm.Api.Admission;

/// <summary>What a request for samples costs, known before anything is drawn.</summary>
internal static class SamplingCost
{
    /// <summary>Floating-point operations: pictures × calls of the network × operations of a call; null where a worker has still to work out the last.</summary>
    /// <param name="spec">With its steps filled in.</param>
    /// <param name="checkpoint">What draws.</param>
    public static double? Of(SamplingSpec spec, Checkpoint checkpoint) => spec.Count * CallsOf(spec) * checkpoint.Operations;

    /// <summary>Refuses a request that costs too much.</summary>
    /// <exception cref="RequestProblem">400, which names the field to lower.</exception>
    public static void Check(double? operations, SamplingSpec spec, double? most)
    {
        if (most is not { } limit || !(operations > limit))
            return;
        var accepted = Math.Floor(spec.Count * limit / operations.Value);
        throw CostLimit.Refusal(
            "count", $"together with {CallsOf(spec)} network calls for each picture ", operations.Value, limit, $"ask for {(accepted >= 1 ? $"at most {accepted} pictures" : "fewer steps")} at once");
    }

    /// <summary>Calls of the network for one picture, in so many steps: Heun calls it twice a step but the last.</summary>
    public static int CallsOf(string? sampler, int steps) => sampler == SamplerNames.Heun ? Math.Max(0, (2 * steps) - 1) : steps;

    // Guidance asks the network with the class and without.
    private static int CallsOf(SamplingSpec spec)
    {
        var steps = spec.Timesteps?.Count ?? spec.Steps ?? 1;
        var calls = spec.Guide switch
        {
            { Kind: GuideKind.Inpaint } painting => GuideRules.CallsOf(painting, steps),
            { Strength: { } strength } => CallsOf(spec.Sampler, (int)Math.Round(strength * steps)), // the run begins with a picture
            _ => CallsOf(spec.Sampler, steps),
        };
        return calls * (spec.ClassLabels is not null && spec.GuidanceScale is not 1 ? 2 : 1);
    }
}
