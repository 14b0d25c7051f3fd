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
    private const int Calls = 3;

    /// <summary>Refuses a run that costs too much.</summary>
    /// <returns>What the cost is known to be: null where the run ends by the clock, and nobody knows how far it gets.</returns>
    /// <exception cref="RequestProblem">400, which names the field to lower.</exception>
    public static double? Check(TrainingSpec spec, Dataset dataset, double? most, TrainingRun? resumed = null)
    {
        var operations = Of(spec, dataset, resumed);
        if (most is not { } limit || !(operations > limit))
            return spec.Training.MaxSeconds is null ? operations : null;
        (string Field, long Goal, double Done) asked = spec.Training.Steps is { } steps ? ("steps", steps, resumed?.Step ?? 0) : ("epochs", spec.Training.Epochs, resumed?.Epoch ?? 0);
        var accepted = CostLimit.MostWithin(asked.Goal, limit, goal => Of(spec with { Training = WithGoal(spec.Training, (int)goal) }, dataset, resumed));
        var remedy = accepted > asked.Done ? $"ask for at most {accepted}" : resumed is null ? "choose a smaller network, smaller batches, or fewer pictures" : "that is too little to go on with";
        throw CostLimit.Refusal(resumed is null ? $"training.{asked.Field}" : asked.Field, resumed is null ? "" : "counts all of the run, and ", operations, limit, remedy);
    }

    // Of what is left to do: pictures × calls of the network × operations of a call.
    private static double Of(TrainingSpec spec, Dataset dataset, TrainingRun? resumed)
    {
        var pictures = PicturesIn(StepsOf(spec.Training, dataset), spec.Training, dataset) - PicturesIn(resumed?.Step ?? 0, spec.Training, dataset);
        var calls = spec.Training.GradientCheckpointing ? Calls + 1 : Calls;
        return Math.Max(0, pictures) * calls * NetworkShape.Of(spec.Network, dataset.Spec).OperationsPerPicture(dataset.Spec.Resolution);
    }

    private static OptimizationSpec WithGoal(OptimizationSpec training, int goal) => training.Steps is null ? training with { Epochs = goal } : training with { Steps = goal };

    // As the engine counts them: epochs are rounded up, once, to steps of so many batches.
    private static double StepsOf(OptimizationSpec training, Dataset dataset) =>
        training.Steps ?? Math.Ceiling((double)training.Epochs * BatchesOf(training, dataset) / training.GradientAccumulationSteps);

    // The last batch of an epoch holds what is left; a set that is smaller than a batch is repeated in it.
    private static double PicturesIn(double steps, OptimizationSpec training, Dataset dataset)
    {
        var batches = BatchesOf(training, dataset);
        var passes = steps * training.GradientAccumulationSteps;
        return (Math.Floor(passes / batches) * Math.Max(dataset.ImageCount, training.BatchSize)) + (passes % batches * training.BatchSize);
    }

    private static double BatchesOf(OptimizationSpec training, Dataset dataset) => Math.Ceiling(dataset.ImageCount / (double)training.BatchSize);
}
