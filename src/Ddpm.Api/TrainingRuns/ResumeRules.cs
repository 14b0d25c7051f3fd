using Ddpm.Api.Http;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Training;

namespace Ddpm.Api.TrainingRuns;

/// <summary>How far a run may go on.</summary>
internal static class ResumeRules
{
    /// <returns>The run's spec with the new goal.</returns>
    /// <exception cref="RequestProblem">The goal lies behind the run, or there is none left.</exception>
    public static TrainingSpec Extend(TrainingRun run, ResumeTrainingRun request)
    {
        var faults = new Faults();
        if (request is { Epochs: not null, Steps: not null })
            faults.Add("steps", "cannot be given together with epochs: the one follows from the other");
        if (request.Steps <= run.Step)
            faults.Add("steps", $"counts all steps and must be above the {run.Step} that are done; it is {request.Steps}");
        if (request.Epochs <= run.Epoch)
            faults.Add("epochs", $"counts all epochs and must be above the {run.Epoch:0.##} that are done; it is {request.Epochs}");
        if (request is { Epochs: null, Steps: null } && run.Job!.Status == JobStatus.Succeeded && run.Step >= run.TotalSteps)
            faults.Add("epochs", $"is required, or steps: the run has done all it was asked to ({run.Step} steps, {run.Epoch:0.##} epochs)");
        faults.ThrowIfAny();

        var training = run.Spec.Training;
        return run.Spec with
        {
            Training = request switch
            {
                { Epochs: { } epochs } => training with { Epochs = epochs, Steps = null },
                { Steps: { } steps } => training with { Steps = steps },
                _ => training,
            },
        };
    }
}
