using System.Runtime.InteropServices;
using Ddpm.Engine;
using Ddpm.Engine.Data;
using Ddpm.Jobs.Telemetry;
using Ddpm.Worker.Life;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using static TorchSharp.torch;

namespace Ddpm.Worker.Tests.Life;

public sealed class FailureTests
{
    [Fact]
    public void SentenceFor_SaysThatTheDiskIsFull_WhateverFoundOut()
    {
        // Where nothing ever fits.
        var full = Record.Exception(() => File.WriteAllBytes("/dev/full", new byte[1 << 20]));
        Exception[] all = [full!, new DatasetException("outer", full), new SqliteException("full", 13), new DbUpdateException("outer", new SqliteException("full", 13))];
        Assert.All(all, exception => Assert.StartsWith("The disk of the worker is full.", Failure.SentenceFor(exception), StringComparison.Ordinal));
        Assert.All(all, exception => Assert.Equal(FailureReason.DiskFull, Failure.ReasonFor(exception)));
    }

    [Fact]
    public void SentenceFor_SaysThatMemoryRanOut_WhereTorchSaysSo()
    {
        TorchRuntime.Initialize();
        var beyond = Record.Exception(() => empty(1L << 50, dtype: ScalarType.Byte).Dispose());
        Assert.StartsWith("The device ran out of memory.", Failure.SentenceFor(beyond!), StringComparison.Ordinal);
        Assert.Equal(FailureReason.OutOfMemory, Failure.ReasonFor(beyond!));
    }

    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2.00 GiB.", FailureReason.OutOfMemory)]
    [InlineData("CUDA error: an illegal memory access was encountered", FailureReason.Unexpected)]
    public void ReasonFor_TellsMemoryThatRanOut_FromMemoryThatWasMisused(string message, string reason) =>
        Assert.Equal(reason, Failure.ReasonFor(new TorchFault(message)));

    [Fact]
    public void SentenceFor_KnowsNothing_OfFaultsOfOurs()
    {
        var ours = new InvalidOperationException("a fault of ours");
        Assert.Null(Failure.SentenceFor(ours));
        Assert.Equal(FailureReason.Unexpected, Failure.ReasonFor(ours));
    }

    [Fact]
    public void ReasonFor_OfAJobThatCannotBeDone_IsWhatKeptItFromIt()
    {
        Assert.Equal(FailureReason.DiskFull, Failure.ReasonFor(new JobFailedException("stopped", new SqliteException("full", 13))));
        Assert.Equal(FailureReason.Dataset, Failure.ReasonFor(new JobFailedException("stopped", new DatasetException("torn"))));
        Assert.Equal(FailureReason.Request, Failure.ReasonFor(new JobFailedException("deleted")));
    }

    private sealed class TorchFault(string message) : ExternalException(message);
}
