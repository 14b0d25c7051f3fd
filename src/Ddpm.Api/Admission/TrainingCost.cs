using System.Globalization;
using Ddpm.Api.Http;
using Ddpm.Api.TrainingRuns;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Training;

namespace Ddpm.Api.Admission;

/// <summary>What a training run costs, known before it begins.</summary>
/// <remarks>Previews and the optimizer are not counted.</remarks>
internal static class TrainingCost
{
    // The backward pass works out the gradients of the weights and those of what goes in: as much as the forward pass, each.
    private const int Passes = 3;

    /// <summary>Floating-point operations of what is left to do: pictures × operations of a call × passes.</summary>
    /// <param name="spec">A valid one.</param>
    /// <param name="dataset">One that is built.</param>
    /// <param name="resumed">The run that goes on; null for a new one.</param>
    public static double Of(TrainingSpec spec, Dataset dataset, TrainingRun? resumed = null)
    {
        var training = spec.Training;
        var (_, goal, done) = GoalOf(training, resumed);
        var pictures = (goal - done) * (training.Steps is null ? dataset.ImageCount : (double)Math.Min(training.BatchSize, dataset.ImageCount) * training.GradientAccumulationSteps);
        var passes = training.GradientCheckpointing ? Passes + 1 : Passes;
        return Math.Max(0, pictures) * passes * NetworkShape.Of(spec.Network, dataset.Spec).OperationsPerPicture(dataset.Spec.Resolution);
    }

    /// <summary>Refuses a run that costs too much.</summary>
    /// <exception cref="RequestProblem">400, which names the field to lower.</exception>
    public static void Check(double operations, TrainingSpec spec, double? most, TrainingRun? resumed = null)
    {
        if (most is not { } limit || !(operations > limit))
            return;
        var (field, goal, done) = GoalOf(spec.Training, resumed);
        var accepted = Math.Floor(done + ((goal - done) * limit / operations));
        throw Faults.One(resumed is null ? $"training.{field}" : field, string.Create(
            CultureInfo.InvariantCulture,
            $"{(resumed is null ? "" : "counts all of the run, and ")}asks for {operations / 1e12:0.###} TFLOP, of which {limit / 1e12:0.###} are accepted in one request: {(accepted > done ? $"ask for at most {accepted}" : "choose a smaller network, or fewer pictures")}"));
    }

    private static (string Field, double Goal, double Done) GoalOf(OptimizationSpec training, TrainingRun? resumed) =>
        training.Steps is { } steps ? ("steps", steps, resumed?.Step ?? 0) : ("epochs", training.Epochs, resumed?.Epoch ?? 0);
}
