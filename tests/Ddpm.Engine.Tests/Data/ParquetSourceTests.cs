using Ddpm.Engine.Data;
using Ddpm.Engine.Data.Parquet;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Tests.Data;

/// <summary>Files of <c>data/parquet</c> were written by Apache Arrow (C++, 25.0): 12 rows in groups of 5, the 8×8 picture of row n filled with
/// 10 + n mod 3, row 6 without a struct and row 7 without bytes in it; labels n mod 2, row 3 with -1 and row 4 with null.</summary>
public sealed class ParquetSourceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("plain"), InlineData("snappy"), InlineData("gzip"), InlineData("zstd-v2"), InlineData("brotli-v2-dictionary")]
    public void Build_ReadsWhatArrowWrites(string kind)
    {
        var manifest = Build(new ParquetSource(Arrow(kind)), new DatasetOptions { Resolution = 8 });

        using var dataset = ImageDataset.Open(_folder["set"]);
        int[] rows = [0, 1, 2, 3, 4, 5, 8, 9, 10, 11];
        Assert.Equal(rows.Select(row => 10 + row % 3), Enumerable.Range(0, dataset.Count).Select(n => (int)dataset.Preview(rows.Length).Image(n)[0]));
        Assert.Equal([0, 1, 0, -1, -1, 1, 0, 1, 0, 1], Enumerable.Range(0, dataset.Count).Select(dataset.LabelOf));
        Assert.Equal([new("dog", 4), new("cat", 4), new("absent", 0)], manifest.Classes);
        Assert.Equal([$"arrow-{kind}/0000006", $"arrow-{kind}/0000007"], manifest.Skipped.Select(file => file.Name));
        Assert.All(manifest.Skipped, file => Assert.Contains("no picture", file.Reason));
    }

    [Fact]
    public async Task Build_LeavesOutDuplicates_OfASetInWhichEveryPictureIsThereFourTimes()
    {
        // Of the shape of huggan/anime-faces, whose 86,204 rows are 21,551 pictures.
        Directory.CreateDirectory(_folder["hub/data"]);
        var pictures = Enumerable.Range(0, 100).Select(n => SmallDataset.Plain(8, (byte)n)).ToArray();
        for (var shard = 0; shard < 2; shard++)
            await HubParquet.WriteAsync(
                _folder[$"hub/data/train-{shard:00000}-of-00002.parquet"], Enumerable.Range(200 * shard, 200).Select(row => ((byte[]?)pictures[row % 100], (int?)null)), rowsPerGroup: 64);

        var manifest = Build(new ParquetSource(_folder["hub"]), new DatasetOptions { Resolution = 8, Deduplicate = true });

        Assert.Equal((100, 300, 0), (manifest.Count, manifest.Duplicates, manifest.SkippedCount));
        Assert.Empty(manifest.Classes);
    }

    [Fact]
    public async Task Open_ListsRowsInOrdinalOrderOfTheirNames_FromTheFilesOfOneSplit()
    {
        Directory.CreateDirectory(_folder["hub/data"]);
        foreach (var (name, value) in new[] { ("train-00001-of-00002-0123456789abcdef", 2), ("train-00000-of-00002-0123456789abcdef", 1), ("test-00000-of-00001", 9) })
            await HubParquet.WriteAsync(_folder[$"hub/data/{name}.parquet"], [(SmallDataset.Plain(8, (byte)value), 0), (SmallDataset.Plain(8, (byte)value), 1)], ["a", "b"], rowsPerGroup: 1);

        using var train = new ParquetSource(_folder["hub"]).Open(CancellationToken.None);
        using var test = new ParquetSource(_folder["hub"]) { Split = "test" }.Open(CancellationToken.None);

        var entries = train.Entries.ToList();
        Assert.Equal(
            ["data/train-00000-of-00002-0123456789abcdef/0000000", "data/train-00000-of-00002-0123456789abcdef/0000001", "data/train-00001-of-00002-0123456789abcdef/0000000", "data/train-00001-of-00002-0123456789abcdef/0000001"],
            entries.Select(entry => entry.Name));
        Assert.Equal(["a", "b", "a", "b"], entries.Select(entry => entry.Class));
        Assert.Equal((4, 2), (train.Count, test.Count));
        var unknown = Assert.Throws<DatasetException>(() => new ParquetSource(_folder["hub"]) { Split = "dev" }.Open(CancellationToken.None));
        Assert.EndsWith("has no split 'dev'; it has test, train.", unknown.Message);
    }

    [Theory]
    [InlineData("data/train-00000-of-00002.parquet", "train"), InlineData("data/full.clean-0-of-1-abcdef.parquet", "full.clean"), InlineData("default/validation/0000.parquet", "validation")]
    [InlineData("val.parquet", "validation"), InlineData("my_test_set.parquet", "test"), InlineData("pictures.parquet", "train"), InlineData("train/eval.parquet", "test"), InlineData("testament.parquet", "train")]
    public void Split_FollowsFromTheNameOfTheFile(string file, string split) => Assert.Equal(split, SplitName.Of(file));

    [Fact]
    public async Task Open_FindsPlainBytesAndLabelsOfText()
    {
        await HubParquet.WriteAsync(
            _folder["p.parquet"],
            HubParquet.Column("caption", "x", "y"), HubParquet.Column<byte[]>("picture", SmallDataset.Plain(8, 1), SmallDataset.Plain(8, 2)),
            HubParquet.Column("label", "dog", "cat"));

        var manifest = Build(new ParquetSource(_folder["p.parquet"]), new DatasetOptions { Resolution = 8 });

        Assert.Equal([new("cat", 1), new("dog", 1)], manifest.Classes);
    }

    [Fact]
    public async Task Open_TakesTheColumnsThatAreAskedFor()
    {
        await HubParquet.WriteAsync(
            _folder["p.parquet"],
            HubParquet.Column<byte[]>("before", SmallDataset.Plain(8, 1)), HubParquet.Column<byte[]>("after", SmallDataset.Plain(8, 2)), HubParquet.Column("style", 7L));

        using var listing = new ParquetSource(_folder["p.parquet"]) { ImageColumn = "after", LabelColumn = "style" }.Open(CancellationToken.None);

        var entry = listing.Entries.Single();
        Assert.Equal("7", entry.Class);
        Assert.Equal(SmallDataset.Plain(8, 2), entry.Read());
        AssertRefuses(new ParquetSource(_folder["p.parquet"]), "several columns that may hold pictures, before, after");
        AssertRefuses(new ParquetSource(_folder["p.parquet"]) { ImageColumn = "style" }, "no column of pictures called style");
        AssertRefuses(new ParquetSource(_folder["p.parquet"]) { ImageColumn = "after", LabelColumn = "colour" }, "no column of labels called colour");
    }

    [Fact]
    public async Task Open_SaysWhichColumnsThereAre_WhenNoneHoldsPictures()
    {
        await HubParquet.WriteAsync(_folder["p.parquet"], HubParquet.Column("text", "x"), HubParquet.Column("label", 1L));

        AssertRefuses(new ParquetSource(_folder["p.parquet"]), "p.parquet has no column of pictures (bytes, or a struct of bytes and path); its columns are text, label.");
    }

    [Fact]
    public async Task Read_NamesRowsThatAreNoPictures()
    {
        await HubParquet.WriteAsync(_folder["p.parquet"], [("no picture"u8.ToArray(), 0), (SmallDataset.Plain(8, 1), 0), (new byte[(64 << 20) + 1], 0)]);

        var manifest = Build(new ParquetSource(_folder["p.parquet"]), new DatasetOptions { Resolution = 8 });

        Assert.Equal(["p/0000000", "p/0000002"], manifest.Skipped.Select(file => file.Name));
        Assert.Equal("larger than 64 MiB", manifest.Skipped[1].Reason);
    }

    [Fact]
    public async Task Open_Refuses_WhenThereIsMoreThanTheLimitsAllow()
    {
        await HubParquet.WriteAsync(_folder["p.parquet"], [.. Enumerable.Repeat((SmallDataset.Plain(8, 1), (int?)0), 1000)], rowsPerGroup: 1000);
        AssertRefuses(new ParquetSource(_folder["p.parquet"]) { Limits = new ArchiveLimits { MaxEntries = 999 } }, "more than 999 rows");
        AssertRefuses(new ParquetSource(_folder["p.parquet"]) { Limits = new ArchiveLimits { MaxExpansionRatio = 1, RatioMattersFrom = 0 } }, "far more bytes than it has itself");
    }

    [Theory]
    [InlineData("", "too short"), InlineData("PAR1", "too short"), InlineData("PK\u0003\u0004 and some more", "does not begin with PAR1"), InlineData("PAR1 and some more", "cut short")]
    [InlineData("PAR1____PARE", "encrypted"), InlineData("PAR1\u00FF\u00FF\u00FF\u007FPAR1", "claims a footer of 2,147,483,647 bytes"), InlineData("PAR1\u0000\u0000\u0000\u0000PAR1", "footer ends")]
    public void Open_SaysSo_WhenItIsNoParquet(string content, string expected)
    {
        File.WriteAllBytes(_folder["x.parquet"], System.Text.Encoding.Latin1.GetBytes(content));

        AssertRefuses(new ParquetSource(_folder["x.parquet"]), expected);
    }

    [Fact]
    public void Open_SaysSo_WhenThereIsNothing()
    {
        AssertRefuses(new ParquetSource(_folder["nothing"]), "neither a parquet file nor a folder");
        AssertRefuses(new ParquetSource(Directory.CreateDirectory(_folder["empty"]).FullName), "holds no parquet files");
    }

    [Fact]
    public void Open_FollowsLinksOnlyWhenAsked()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs rights on Windows.");
        Directory.CreateDirectory(_folder["snapshot"]);
        File.CreateSymbolicLink(_folder["snapshot/train.parquet"], Arrow("plain"));

        AssertRefuses(new ParquetSource(_folder["snapshot"]), "symbolic links are not followed");
        using var listing = new ParquetSource(_folder["snapshot"]) { FollowLinks = true }.Open(CancellationToken.None);
        Assert.Equal(12, listing.Count);
    }

    [Theory, InlineData("snappy"), InlineData("brotli-v2-dictionary")]
    public void Open_ReadsOrRefuses_WhateverByteIsChanged(string kind)
    {
        var bytes = File.ReadAllBytes(Arrow(kind));
        var refused = 0;
        for (var at = 0; at < bytes.Length; at++)
        {
            var changed = (byte[])bytes.Clone();
            changed[at] = (at % 3) switch
            {
                0 => (byte)~bytes[at],
                1 => (byte)(bytes[at] ^ 1),
                _ => 0x7F,
            };
            refused += Survives(changed) ? 0 : 1;
        }
        Assert.InRange(refused, bytes.Length / 4, bytes.Length);
    }

    [Theory, InlineData("snappy"), InlineData("brotli-v2-dictionary")]
    public void Open_Refuses_WhereverTheFileIsCut(string kind)
    {
        var bytes = File.ReadAllBytes(Arrow(kind));
        for (var length = 4; length < bytes.Length - 8; length += 7)
        {
            Assert.False(Survives(bytes[..length]));
            Assert.False(Survives([.. bytes[..length], .. bytes[^8..]])); // with an end that looks whole
        }
    }

    [Fact]
    public void Next_RefusesAPageThatAnnouncesTooMuch_BeforeMakingRoomForIt()
    {
        // In Thrift's compact protocol: kind 0, 2³⁰ + 1 bytes expanded, 4 bytes stored, no more fields; then the 4 bytes.
        byte[] page = [0x15, 0x00, 0x15, 0x82, 0x80, 0x80, 0x80, 0x08, 0x15, 0x08, 0x00, 1, 2, 3, 4];
        File.WriteAllBytes(_folder["page"], page);
        using var file = File.OpenHandle(_folder["page"]);
        var pages = new PageReader(file, new ColumnChunk { Path = "image", Bytes = page.Length, Codec = Codec.Zstd }, 1 << 30);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("a page of 1,073,741,825 bytes", Assert.Throws<ParquetDamageException>(pages.Next).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    public void Parse_EndsAtOnce_WhenMetadataIsNestedTooDeeply()
    {
        // A struct in a struct in a struct …: unguarded, this ends the process.
        var nested = Enumerable.Repeat((byte)0x1C, 10_000_000).ToArray();
        Assert.Contains("nested too deeply", Assert.Throws<ParquetDamageException>(() => ParquetFooter.Parse(nested)).Message);
    }

    public void Dispose() => _folder.Dispose();

    private static string Arrow(string kind) => Path.Combine(AppContext.BaseDirectory, "data", "parquet", $"arrow-{kind}.parquet");

    private DatasetManifest Build(ParquetSource source, DatasetOptions options) => DatasetBuilder.Build(source, options, _folder["set"], null, CancellationToken.None);

    private static void AssertRefuses(ParquetSource source, string message) => Assert.Contains(message, Assert.Throws<DatasetException>(() => ReadAll(source)).Message);

    /// <returns>Whether it could be read; if not, it was refused as a damaged dataset is.</returns>
    private bool Survives(byte[] content)
    {
        File.WriteAllBytes(_folder["x.parquet"], content);
        try
        {
            ReadAll(new ParquetSource(_folder["x.parquet"]));
            return true;
        }
        catch (DatasetException refusal)
        {
            Assert.StartsWith("x.parquet ", refusal.Message);
            return false;
        }
    }

    private static void ReadAll(ParquetSource source)
    {
        using var listing = source.Open(CancellationToken.None);
        foreach (var entry in listing.Entries)
        {
            try
            {
                entry.Read();
            }
            catch (ImageDecodeException)
            {
                // A row without a picture.
            }
        }
    }
}
