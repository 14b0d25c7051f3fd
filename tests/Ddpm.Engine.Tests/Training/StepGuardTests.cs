using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Training;

public sealed class StepGuardTests : TrainerRuns
{
    [Fact]
    public void Step_WithoutAFiniteLoss_MovesNothing_AndTheNextPicturesCome()
    {
        using var trainer = Make(Config, "run");
        using var weight = new BrokenWeight(trainer);
        var before = "";
        var recorder = new Recorder();
        recorder.AfterStep = step =>
        {
            if (step == 4)
            {
                before = Everything(trainer);
                weight.Break();
            }
            else if (step == 5)
            {
                weight.Mend();
                Assert.Equal(before, Everything(trainer));
            }
        };
        Assert.True(trainer.Run(recorder, CancellationToken.None).Completed);
        Assert.NotEqual(before, Everything(trainer));
        Assert.Equal([5L], recorder.Progress.Where(progress => progress.Skipped).Select(progress => progress.Step));
        Assert.Equal([0L, 1, 1], recorder.Progress.Select(progress => progress.SkippedSteps).Where((_, index) => index is 3 or 4 or 9));
        Assert.Empty(recorder.Rollbacks);
        var state = TrainingCheckpoint.ReadState(Path.Combine(recorder.Checkpoints[^1].Folder, "training", "state.json"));
        Assert.Equal((10, 9, 1), (state.Step, state.OptimizerSteps, state.SkippedSteps));
    }

    [Fact]
    public void Run_GoesBackToItsNewestCheckpoint_WithHalfTheRate_AfterSeveralInARow()
    {
        var config = Config with { TotalSteps = 12, CheckpointEverySteps = 4, SkippedStepsBeforeRollback = 3, WarmupSteps = 0, LearningRateSchedule = LearningRateSchedule.Constant };
        var recorder = new Recorder();
        using (var trainer = Make(config, "broken"))
        {
            using var weight = new BrokenWeight(trainer);
            recorder.AfterStep = step =>
            {
                if (step == 6 && recorder.Rollbacks.Count == 0)
                    weight.Break();
            };
            Assert.True(trainer.Run(recorder, CancellationToken.None).Completed);
        }

        Assert.Equal([1L, 2, 3, 4, 5, 6, 7, 8, 9, 5, 6, 7, 8, 9, 10, 11, 12], recorder.Progress.Select(progress => progress.Step));
        Assert.Equal([new TrainingRollback(FromStep: 9, Step: 4, RateFactor: 0.5)], recorder.Rollbacks);
        Assert.Equal([1e-3, 5e-4, 3], [recorder.Progress[5].LearningRate, recorder.Progress[9].LearningRate, recorder.Progress[^1].SkippedSteps]);
        Assert.Equal([4L, 8, 12], recorder.Checkpoints.Select(checkpoint => checkpoint.Step));

        // The same weights as those of a run that goes on from step 4 with half the rate by itself.
        var first = Train(config with { TotalSteps = 4 }, "first").Checkpoint!.Folder;
        var state = Path.Combine(first, "training", "state.json");
        File.WriteAllText(state, File.ReadAllText(state).Replace("\"rate_factor\": 1", "\"rate_factor\": 0.5", StringComparison.Ordinal));
        File.Delete(Path.Combine(first, TrainingCheckpoint.ListFile)); // in which this state does not stand
        Assert.Equal(recorder.Checkpoints[^1].Sha256, Train(config, "second", resumeFrom: first).Checkpoint!.Sha256);
    }

    [Fact]
    public void Run_BeginsAnew_WhenThereIsNoCheckpointToGoBackTo()
    {
        var config = Config with { SkippedStepsBeforeRollback = 2, LearningRateSchedule = LearningRateSchedule.Constant };
        var recorder = new Recorder();
        using var trainer = Make(config, "broken");
        using var weight = new BrokenWeight(trainer);
        recorder.AfterStep = step =>
        {
            if (step == 3 && recorder.Rollbacks.Count == 0)
                weight.Break();
        };
        var result = trainer.Run(recorder, CancellationToken.None);
        Assert.Equal([new TrainingRollback(FromStep: 5, Step: 0, RateFactor: 0.5)], recorder.Rollbacks);
        Assert.Equal(Train(config with { LearningRate = Config.LearningRate / 2 }, "slow").Checkpoint!.Sha256, result.Checkpoint!.Sha256);
    }

    [Fact]
    public void Run_GivesUp_WhenGoingBackDoesNotHelp()
    {
        var recorder = new Recorder();
        var fault = Assert.Throws<TrainingException>(() => Train(Config with { LearningRate = 1e30, WarmupSteps = 0, SkippedStepsBeforeRollback = 2, MaxRollbacks = 2 }, "run", recorder));
        Assert.Equal([0.5, 0.25], recorder.Rollbacks.Select(rollback => rollback.RateFactor));
        Assert.Contains("stopped being finite at step 3, also after going back 2 times", fault.Message, StringComparison.Ordinal);
        Assert.Contains("lower learning rate (it is 1E+30)", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoint_IsNotWritten_BeforeTheNextGradientHasShownThatItsWeightsWork()
    {
        var config = Config with { CheckpointEverySteps = 3, SkippedStepsBeforeRollback = 2, MaxRollbacks = 0 };
        var recorder = new Recorder();
        using var trainer = Make(config, "run");
        using var weight = new BrokenWeight(trainer);
        recorder.AfterStep = step =>
        {
            if (step == 6)
                weight.Break();
        };
        Assert.Throws<TrainingException>(() => trainer.Run(recorder, CancellationToken.None));
        Assert.Equal([3L], recorder.Checkpoints.Select(checkpoint => checkpoint.Step));
    }

    [Fact]
    public void Run_StoppedAmidSkippedSteps_EndsAtTheCheckpointBeforeThem()
    {
        using var stop = new CancellationTokenSource();
        var recorder = new Recorder();
        using var trainer = Make(Config with { CheckpointEverySteps = 3 }, "run");
        using var weight = new BrokenWeight(trainer);
        recorder.AfterStep = step =>
        {
            if (step == 5)
                weight.Break();
            if (step == 6)
                stop.Cancel();
        };
        var result = trainer.Run(recorder, stop.Token);
        Assert.Equal((false, 3L, 3L), (result.Completed, result.Step, result.Checkpoint!.Step));
    }

    // Weights, moments and average.
    private static string Everything(Trainer trainer)
    {
        using var scope = NewDisposeScope();
        var moments = trainer.Optimizer.FirstMoments.Concat(trainer.Optimizer.SecondMoments);
        var all = trainer.Networks.Master.state_dict().Values.Concat(trainer.Networks.Averaged!.state_dict().Values).Concat(moments);
        return string.Concat(all.Select(tensor => Convert.ToHexString(tensor.bytes)));
    }

    /// <summary>One weight that can be made not a number, and be as it was.</summary>
    private sealed class BrokenWeight(Trainer trainer) : IDisposable
    {
        private readonly Tensor _weight = trainer.Networks.Parameters[0].Value;
        private Tensor? _kept;

        public void Break()
        {
            using var scope = NewDisposeScope();
            using var noGradients = no_grad();
            _kept = _weight.detach().clone().DetachFromDisposeScope();
            _weight.fill_(float.NaN);
        }

        public void Mend()
        {
            using var noGradients = no_grad();
            _weight.copy_(_kept!);
        }

        public void Dispose() => _kept?.Dispose();
    }
}
