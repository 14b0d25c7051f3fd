using Ddpm.Engine;
using Ddpm.Engine.Data;
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
    }

    [Fact]
    public void SentenceFor_SaysThatMemoryRanOut_WhereTorchSaysSo()
    {
        TorchRuntime.Initialize();
        var beyond = Record.Exception(() => empty(1L << 50, dtype: ScalarType.Byte).Dispose());
        Assert.StartsWith("The device ran out of memory.", Failure.SentenceFor(beyond!), StringComparison.Ordinal);
    }

    [Fact]
    public void SentenceFor_KnowsNothing_OfFaultsOfOurs() => Assert.Null(Failure.SentenceFor(new InvalidOperationException("a fault of ours")));
}
