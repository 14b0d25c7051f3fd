using Ddpm.Engine.Data;

namespace Ddpm.Engine.Tests.Data;

public sealed class BatchLoaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory, InlineData(1), InlineData(4), InlineData(10), InlineData(16)]
    public void BatchAt_DealsEveryPictureOnceAnEpoch(int batchSize)
    {
        using var dataset = SmallDataset.OfNumbers(_folder["set"], 10);
        var loader = new BatchLoader(dataset, batchSize, seed: 5, horizontalFlip: false);

        for (var epoch = 0; epoch < 3; epoch++)
        {
            var batches = Enumerable.Range(0, (int)loader.BatchesPerEpoch).Select(n => loader.BatchAt(epoch * loader.BatchesPerEpoch + n)).ToList();
            Assert.All(batches, batch => Assert.Equal(epoch, batch.Epoch));
            Assert.Equal(Enumerable.Range(0, 10), batches.SelectMany(SmallDataset.Numbers).Take(10).Order());
        }
    }

    [Fact]
    public void BatchAt_GivesTheRestInASmallerLastBatch()
    {
        using var dataset = SmallDataset.OfNumbers(_folder["set"], 10);
        var loader = new BatchLoader(dataset, 4, seed: 5, horizontalFlip: false);

        Assert.Equal(3, loader.BatchesPerEpoch);
        Assert.Equal([4, 4, 2, 4], Enumerable.Range(0, 4).Select(n => loader.BatchAt(n).Images.Count));
    }

    [Fact]
    public void BatchAt_RepeatsTheSet_WhenItIsSmallerThanABatch()
    {
        using var dataset = SmallDataset.OfNumbers(_folder["set"], 3);
        var batch = new BatchLoader(dataset, 8, seed: 5, horizontalFlip: false).BatchAt(7);

        Assert.Equal(7, batch.Epoch);
        var seen = SmallDataset.Numbers(batch);
        Assert.Equal(8, seen.Length);
        Assert.Equal([0, 1, 2], seen[..3].Order());
        Assert.Equal(seen[..3], seen[3..6]);
    }

    [Fact]
    public void BatchAt_DependsOnSeedAndIndexOnly()
    {
        using var dataset = SmallDataset.OfNumbers(_folder["set"], 10);
        var straight = new BatchLoader(dataset, 4, seed: 5, horizontalFlip: true);
        var shuffled = new BatchLoader(dataset, 4, seed: 5, horizontalFlip: true);
        var expected = Enumerable.Range(0, 12).Select(n => straight.BatchAt(n)).ToList();

        foreach (var n in (int[])[7, 0, 11, 3, 3, 8])
        {
            Assert.Equal(expected[n].Images.Pixels, shuffled.BatchAt(n).Images.Pixels);
            Assert.Equal(expected[n].Epoch, shuffled.BatchAt(n).Epoch);
        }
    }

    [Fact]
    public void BatchAt_OrdersEachEpochAndEachSeedAnew()
    {
        using var dataset = SmallDataset.OfNumbers(_folder["set"], 50);
        var orders = from seed in (ulong[])[1, 2, 3]
                     from epoch in (long[])[0, 1, 2]
                     select string.Join(",", SmallDataset.Numbers(new BatchLoader(dataset, 50, seed, horizontalFlip: false).BatchAt(epoch)));

        Assert.Equal(9, orders.Distinct().Count());
    }

    [Fact]
    public void BatchAt_PutsEveryPictureInFirstPlaceEquallyOften()
    {
        using var dataset = SmallDataset.OfNumbers(_folder["set"], 5);
        var loader = new BatchLoader(dataset, 5, seed: 11, horizontalFlip: false);
        var firsts = Enumerable.Range(0, 5000).Select(epoch => SmallDataset.Numbers(loader.BatchAt(epoch))[0]).CountBy(n => n);

        Assert.All(firsts, pair => Assert.InRange(pair.Value, 850, 1150)); // 1000 ± 5 standard deviations of 28
    }

    [Fact]
    public void BatchAt_MirrorsHalfOfThePictures_OnlyWhenAsked()
    {
        using var dataset = SmallDataset.OfNumbers(_folder["set"], 100);
        var loader = new BatchLoader(dataset, 100, seed: 3, horizontalFlip: true);
        var plain = new BatchLoader(dataset, 100, seed: 3, horizontalFlip: false);
        var mirrored = 0;
        for (var epoch = 0; epoch < 20; epoch++)
        {
            var (batch, original) = (loader.BatchAt(epoch), plain.BatchAt(epoch));
            for (var n = 0; n < 100; n++)
            {
                if (batch.Images.Image(n).SequenceEqual(original.Images.Image(n)))
                    continue;
                mirrored++;
                var rows = original.Images.Image(n).ToArray().Chunk(8).SelectMany(row => row.Reverse());
                Assert.Equal(rows, batch.Images.Image(n).ToArray());
            }
        }

        Assert.InRange(mirrored, 890, 1110); // of 2000: 1000 ± 5 standard deviations of 22
    }

    public void Dispose() => _folder.Dispose();
}
