using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;
using Ddpm.TestSupport;
using Ddpm.Worker.Tests.Hub;
using Microsoft.EntityFrameworkCore;
using Dataset = Ddpm.Jobs.Datasets.Dataset;

namespace Ddpm.Worker.Tests.Datasets;

public sealed class DatasetJobTests : WorkerTests
{
    [Fact]
    public async Task Run_KeepsThePicturesAndNamesTheSkippedFiles_WhenSomeAreBroken()
    {
        var picture = Picture(1);
        var dataset = await UploadAsync(
            ("cats/a.png", picture), ("cats/b.png", Picture(2)), ("cats/copy.png", picture), ("dogs/cut.png", picture[..40]), ("dogs/c.png", Picture(3)),
            ("dogs/notes.txt", "no picture"u8.ToArray()));

        AssertSucceeded(await Host.RunAsync(dataset.JobId));

        var row = await ReadAsync(dataset);
        Assert.Equal((3, 1, 2), (row.ImageCount, row.DuplicateCount, row.SkippedCount));
        Assert.Equal(["dogs/cut.png", "dogs/notes.txt"], row.Skipped.Select(file => file.Name));
        Assert.All(row.Skipped, file => Assert.NotEmpty(file.Reason));
        Assert.Equal([new("cats", 2), new("dogs", 1)], row.Classes);
        using var cache = ImageDataset.Open(Host.Artifacts.PathOf(row.CacheKey!));
        Assert.Equal((3, 8, 8, row.Sha256), (cache.Count, cache.Height, cache.Width, cache.Sha256));
        Assert.Equal(Directory.GetFiles(Host.Artifacts.PathOf(row.CacheKey!)).Sum(file => new FileInfo(file).Length), row.Bytes);
        Assert.NotEmpty(ImageCodec.Decode(await File.ReadAllBytesAsync(Host.Artifacts.PathOf(row.PreviewKey!), Cancellation), new ImageDecodeOptions()).Pixels);
        Assert.Null(row.UploadKey);
        Assert.Empty(Host.Artifacts.List("uploads"));
        Assert.Empty(Staging());
    }

    [Fact]
    public async Task Run_FailsWithAReason_WhenTheArchiveIsEmptyOrHoldsNoPicture()
    {
        await AssertFailsAsync(await UploadAsync(), "There are no files in the source.");
        await AssertFailsAsync(await UploadAsync(("a.txt", "no picture"u8.ToArray())), "the only file, a.txt, was skipped");
        await AssertFailsAsync(await UploadAsync("no archive at all"u8.ToArray()), "neither a zip nor a tar");
        Assert.Empty(Staging());
    }

    [Fact]
    public async Task Run_SaysSo_WhenTheUploadIsGone()
    {
        var dataset = await UploadAsync(("a.png", Picture(1)));
        Host.Artifacts.Delete(dataset.UploadKey!);
        await AssertFailsAsync(dataset, "upload it again");
    }

    [Fact]
    public async Task Run_ReadsAFolder_OnlyWhereItIsAllowed()
    {
        await WritePictureAsync(Folder.At("allowed", "pictures", "a.png"));
        await WritePictureAsync(Folder.At("secret", "a.png"));
        Directory.CreateSymbolicLink(Folder.At("allowed", "way-out"), Folder.At("secret"));

        AssertSucceeded(await Host.RunAsync((await OfFolderAsync(Folder.At("allowed", "pictures"))).JobId));
        await AssertFailsAsync(await OfFolderAsync(Folder.At("secret")), "Datasets:AllowedRoots");
        await AssertFailsAsync(await OfFolderAsync(Folder.At("allowed", "..", "secret")), "Datasets:AllowedRoots");
        await AssertFailsAsync(await OfFolderAsync(Folder.At("allowed", "way-out")), "Datasets:AllowedRoots");
        await AssertFailsAsync(await OfFolderAsync(Folder.At("allowed-too")), "Datasets:AllowedRoots");
        await AssertFailsAsync(await OfFolderAsync(Folder.At("allowed", "nothing")), "is not a folder");
    }

    [Fact]
    public async Task Run_ReadsParquetOfAFolder()
    {
        File.Copy(Arrow("snappy"), Folder.At("allowed", "train-00000-of-00001.parquet"));

        var dataset = await AddAsync(new DatasetSource { Kind = DatasetSourceKind.Directory, Path = Folder.At("allowed"), LabelColumn = "label" });
        AssertSucceeded(await Host.RunAsync(dataset.JobId));

        Assert.Equal((3, 7, 2), await CountsAsync(dataset));
        await AssertFailsAsync(await AddAsync(new DatasetSource { Kind = DatasetSourceKind.Directory, Path = Folder.At("allowed"), Split = "test" }), "has no split 'test'; it has train.");
    }

    [Fact]
    public async Task Run_ReadsADatasetOfTheHub()
    {
        await using var hub = await FakeHub.StartAsync();
        hub.Add("datasets/huggan/faces", "README.md", [1]);
        hub.Add("datasets/huggan/faces", "data/train-00000-of-00002.parquet", await File.ReadAllBytesAsync(Arrow("snappy"), Cancellation));
        hub.Add("datasets/huggan/faces", "data/train-00001-of-00002.parquet", await File.ReadAllBytesAsync(Arrow("zstd-v2"), Cancellation));
        hub.Add("datasets/huggan/faces", "data/test-00000-of-00001.parquet", await File.ReadAllBytesAsync(Arrow("plain"), Cancellation));
        var worker = await AnotherHostAsync(SettingsOf(hub));

        var dataset = await OfHubAsync("huggan/faces");
        AssertSucceeded(await worker.RunAsync(dataset.JobId));

        Assert.Equal((3, 17, 4), await CountsAsync(dataset));
        Assert.Equal(["dog", "cat", "absent"], (await ReadAsync(dataset)).Classes.Select(kind => kind.Name));
        Assert.DoesNotContain(hub.Requests, request => request.Url.AbsolutePath.Contains("test-", StringComparison.Ordinal) || request.Url.AbsolutePath.EndsWith("README.md", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_SaysWhy_WhenTheHubHasNothingToRead()
    {
        await using var hub = await FakeHub.StartAsync();
        hub.Add("datasets/a/script", "script.py", [1]);
        hub.Add("datasets/a/archive", "pictures.zip", [1]);
        hub.Add("datasets/a/two", "one/train.parquet", [1]);
        hub.Add("datasets/a/two", "other/train.parquet", [1]);
        hub.Add("datasets/a/broken", "train.parquet", "PAR1"u8.ToArray());
        var worker = await AnotherHostAsync(SettingsOf(hub));

        foreach (var (repository, message) in new[]
                 {
                     ("a/script", "The dataset a/script cannot be read: it is made by a script, which is never run."), ("a/archive", "it holds no parquet files"),
                     ("a/two", "several folders, one, other"), ("a/broken", "train.parquet is no parquet file: it is too short."), ("a/nothing", "has no dataset a/nothing"),
                 })
            await AssertFailsAsync(await OfHubAsync(repository), message, worker);
        Assert.Empty(Staging());
    }

    [Fact]
    public async Task Run_EndsCancelledAndLeavesNothing_WhenItIsCancelledHalfWay()
    {
        var dataset = await OfFacesAsync(1_000_000);
        var running = Host.StartAsync(dataset.JobId);
        await Eventually.BecomesTrueAsync("the decoding has begun", async () => (await Host.JobAsync(dataset.JobId)).Progress > 0);

        await Host.CancelAsync(dataset.JobId);
        await running;

        Assert.Equal(JobStatus.Cancelled, (await Host.JobAsync(dataset.JobId)).Status);
        Assert.Null((await ReadAsync(dataset)).CacheKey);
        Assert.Empty(Host.Artifacts.List("datasets"));
        Assert.Empty(Staging());
    }

    [Fact]
    public async Task Run_PublishesNothing_WhenTheLeaseIsLost()
    {
        var dataset = await OfFacesAsync(1_000_000);
        var running = Host.StartAsync(dataset.JobId);
        await Eventually.BecomesTrueAsync("the decoding has begun", async () => (await Host.JobAsync(dataset.JobId)).Progress > 0);

        using var thief = await (await AnotherHostAsync()).TakeOverAsync(dataset.JobId);
        await running;

        Assert.Empty(Host.Artifacts.List("datasets"));
        var job = await Host.JobAsync(dataset.JobId);
        Assert.Equal((JobStatus.Running, 2L, null), (job.Status, job.LeaseEpoch, job.Error));
    }

    private static string Arrow(string kind) => Path.Combine(AppContext.BaseDirectory, "data", "parquet", $"arrow-{kind}.parquet");

    private static Dictionary<string, string?> SettingsOf(FakeHub hub) => new() { ["Hub:BaseUrl"] = hub.Url.AbsoluteUri, ["Hub:Enabled"] = "true", ["Hub:AllowPrivateAddresses"] = "true", ["Hub:FirstPause"] = "00:00:00.001" };

    private async Task<(int Images, int Duplicates, int Skipped)> CountsAsync(Dataset dataset) =>
        await ReadAsync(dataset) is var row ? (row.ImageCount, row.DuplicateCount, row.SkippedCount) : default;

    private async Task AssertFailsAsync(Dataset dataset, string message, WorkerHost? worker = null)
    {
        var job = await (worker ?? Host).RunAsync(dataset.JobId);
        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains(message, job.Error, StringComparison.Ordinal);
    }

    private async Task<Dataset> ReadAsync(Dataset dataset)
    {
        await using var db = Host.Open();
        return await db.Datasets.AsNoTracking().SingleAsync(row => row.Id == dataset.Id, Cancellation);
    }

    private Task<Dataset> OfFolderAsync(string path) => AddAsync(new DatasetSource { Kind = DatasetSourceKind.Directory, Path = path });

    private Task<Dataset> OfHubAsync(string repository) => AddAsync(new DatasetSource { Kind = DatasetSourceKind.Huggingface, Repository = repository });

    private Task<Dataset> OfFacesAsync(int count) => AddAsync(new DatasetSource { Kind = DatasetSourceKind.Builtin, Name = "faces", Count = count });

    private Task<Dataset> UploadAsync(params (string Name, byte[] Content)[] files) => UploadAsync(Zips.Of(files));

    private async Task<Dataset> UploadAsync(byte[] archive)
    {
        var key = $"uploads/{Guid.CreateVersion7()}";
        Host.Artifacts.Write(key, archive);
        return await AddAsync(new DatasetSource { Kind = DatasetSourceKind.Upload }, key);
    }

    private async Task<Dataset> AddAsync(DatasetSource source, string? upload = null)
    {
        var dataset = new Dataset
        {
            Id = Guid.CreateVersion7(),
            JobId = (await Host.AddJobAsync(JobKind.Dataset)).Id,
            Name = "pictures",
            Spec = new DatasetSpec { Source = source, Resolution = 8, Deduplicate = true },
            UploadKey = upload,
        };
        await Host.AddAsync(dataset);
        return dataset;
    }

    private static async Task WritePictureAsync(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllBytesAsync(path, Picture(1), Cancellation);
    }

    private static byte[] Picture(byte value) => ImageCodec.EncodePng([.. Enumerable.Repeat(value, 8 * 8 * 3)], 8, 8, 3);

    private IEnumerable<string> Staging() => Directory.EnumerateFileSystemEntries(Folder.At("data", "artifacts", ".staging"));
}
