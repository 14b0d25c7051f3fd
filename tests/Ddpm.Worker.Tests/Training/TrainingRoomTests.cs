using Ddpm.Engine;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using Ddpm.Jobs.Telemetry;
using Ddpm.Worker.Life;
using Ddpm.Worker.Training;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Tests.Training;

public sealed class TrainingRoomTests
{
    private const long MiB = 1024 * 1024;

    [Fact]
    public void Require_RefusesWhatNeverFits_AndNamesTheSettingAndWhatToAskForLessOf()
    {
        var refused = Assert.Throws<JobFailedException>(() => Room(100 * MiB).Require(new TrainingMemory(60 * MiB, 41 * MiB)));

        Assert.Equal(
            "Training needs at least 101 MiB of memory, 60 for the weights and their optimizer and 41 for a step; this worker gives 100 MiB (Worker:MaxTrainingMemoryBytes). Ask for a smaller batch, fewer channels, layers or levels, a lower resolution, or gradientCheckpointing.",
            refused.Message);
        Assert.Equal(FailureReason.Request, Failure.ReasonFor(refused));
    }

    [Fact]
    public void Require_LetsThrough_WhatMayFit() => Room(100 * MiB).Require(new TrainingMemory(60 * MiB, 40 * MiB));

    [Fact]
    public void Require_GoesByTheMachine_WhereNothingIsSet()
    {
        Room(null).Require(new TrainingMemory(MachineMemory.Bytes, 0));
        Assert.Throws<JobFailedException>(() => Room(null).Require(new TrainingMemory(MachineMemory.Bytes, 1)));
    }

    [Fact]
    public void Require_LetsTheArticlesRunThrough_With24GiB()
    {
        var blocks = UNetConfig.ArticleDownBlocks(6);
        var article = new UNetConfig { BlockOutChannels = [128, 128, 256, 256, 512, 512], DownBlockTypes = blocks, UpBlockTypes = UNetConfig.MirroredUpBlocks(blocks) };
        Room(24 * 1024 * MiB).Require(TrainingMemory.AtLeast(new TrainingConfig { TotalSteps = 1, BatchSize = 16 }, article, 64, 64));
    }

    private static TrainingRoom Room(long? most)
    {
        var options = Options.Create(new WorkerOptions { Device = "cpu", MaxTrainingMemoryBytes = most });
        return new TrainingRoom(new WorkerDevice(options), options);
    }
}
