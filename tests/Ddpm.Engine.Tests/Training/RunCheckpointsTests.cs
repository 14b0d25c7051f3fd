using Ddpm.Engine.Training;

namespace Ddpm.Engine.Tests.Training;

public sealed class RunCheckpointsTests : TrainerRuns
{
    [Fact]
    public void Checkpoint_HoldsTheWeightsOfItsStep_ThoughTrainingWentOnWhileItWasWritten()
    {
        var config = Config with { LearningRateSchedule = LearningRateSchedule.Constant, CheckpointEverySteps = 3 };
        var recorder = new Recorder();
        Train(config, "run", recorder);
        Assert.Equal([3L, 6, 9, 10], recorder.Checkpoints.Select(checkpoint => checkpoint.Step));
        foreach (var checkpoint in recorder.Checkpoints)
        {
            var alone = Train(config with { TotalSteps = checkpoint.Step, CheckpointEverySteps = null }, $"alone-{checkpoint.Step}").Checkpoint!;
            AssertSameCheckpoint(alone.Folder, checkpoint.Folder);
        }
    }

    [Fact]
    public void Observer_HearsOfACheckpoint_OnlyOnceItIsThere()
    {
        using var trainer = Make(Config with { CheckpointEverySteps = 2 }, "run");
        var witness = new Witness();
        trainer.Run(witness, CancellationToken.None);
        Assert.Equal([true, true, true, true, true], witness.WasWhole);
    }

    [Fact]
    public void FailureToWrite_EndsTheRun_AndLeavesNoThreadWriting()
    {
        File.WriteAllText(Folder["run"], "no folder");
        var recorder = new Recorder();
        Assert.ThrowsAny<IOException>(() => Train(Config with { TotalSteps = 1000, CheckpointEverySteps = 2 }, "run", recorder));
        Assert.Empty(recorder.Checkpoints);
        Assert.True(recorder.Progress.Count < 1000);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Folder[""], "*.partial"));
    }

    // The copy of step 2 is taken in step 3 and written beside it and what follows.
    [Theory]
    [InlineData(2, 2)]
    [InlineData(3, 2)] // no second one at once
    [InlineData(4, 4)]
    public void RunThatIsStopped_EndsWithTheNewestCheckpointOnTheDisk_AndLosesAStepAtMost(long stopAfter, long last)
    {
        using var stop = new CancellationTokenSource();
        var recorder = new Recorder();
        recorder.AfterStep = step => { if (step == stopAfter) stop.Cancel(); };
        var result = Train(Config with { CheckpointEverySteps = 2 }, "run", recorder, stop: stop);
        Assert.Equal((false, last, last), (result.Completed, result.Step, result.Checkpoint?.Step));
        Assert.Equal(last == 4 ? [2L, 4] : [2L], recorder.Checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.All(recorder.Checkpoints, checkpoint => Assert.True(Directory.Exists(checkpoint.Folder)));
    }

    private sealed class Witness : TrainingObserver
    {
        public List<bool> WasWhole { get; } = [];

        public override void OnCheckpoint(CheckpointInfo checkpoint) =>
            WasWhole.Add(File.Exists(Path.Combine(checkpoint.Folder, "training", "state.json")) && !Directory.Exists(checkpoint.Folder + ".partial"));
    }
}
