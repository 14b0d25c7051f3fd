using Ddpm.Jobs.Life;

namespace Ddpm.Worker.Tests.Training;

/// <summary>Runs whose disk has no room left.</summary>
public sealed class FullDiskTests : TrainingTests
{
    [Fact]
    public async Task Run_SavesWhatItHas_WhenTheBudgetIsUsedUp_AndCanBeResumed()
    {
        var undisturbed = await AddRunAsync();
        AssertSucceeded(await Host.RunAsync(undisturbed.JobId));
        var run = await AddRunAsync();
        var tight = await HostWithRoomForAsync(bytes: 2000);

        var job = await tight.RunAsync(run.JobId);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains("stopped at step 8", job.Error, StringComparison.Ordinal);
        Assert.Contains("Storage:MaxBytes", job.Error, StringComparison.Ordinal);
        var saved = Assert.Single(await CheckpointsAsync(run));
        Assert.Equal((8, true), (saved.Step, saved.Resumable));

        AssertSucceeded(await Host.RunAsync(await ResumeAsync(run)));
        Assert.Equal((await CheckpointsAsync(undisturbed))[0].Sha256, (await CheckpointsAsync(run))[0].Sha256);
    }

    [Fact]
    public async Task Run_Succeeds_WhenOnlyItsLastCheckpointTakesOfTheReserve()
    {
        var run = await AddRunAsync(training => training with { CheckpointEverySteps = null, PreviewEveryEpochs = 100_000 });
        AssertSucceeded(await (await HostWithRoomForAsync(bytes: 2000)).RunAsync(run.JobId));
        Assert.Equal(Steps, Assert.Single(await CheckpointsAsync(run)).Step);
    }

    [Fact]
    public async Task Run_SavesWhatItHas_WhenOnlyTheReserveIsLeft()
    {
        var run = await AddRunAsync();
        var full = await AnotherHostAsync(new KeyValuePair<string, string?>("Storage:ReserveBytes", $"{long.MaxValue / 16}"));

        var job = await full.RunAsync(run.JobId);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains("Storage:ReserveBytes", job.Error, StringComparison.Ordinal);
        Assert.Equal(8, Assert.Single(await CheckpointsAsync(run)).Step);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Folder.At("data"), "*.partial", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Dataset_IsRefused_BeforeItIsBuilt()
    {
        var run = await AddRunAsync();
        await using var db = Host.Open();
        var dataset = new Jobs.Datasets.Dataset
        {
            Id = Guid.CreateVersion7(),
            JobId = (await Host.AddJobAsync(JobKind.Dataset)).Id,
            Name = "faces",
            Spec = new Jobs.Datasets.DatasetSpec { Source = new Jobs.Datasets.DatasetSource { Kind = Jobs.Datasets.DatasetSourceKind.Builtin, Name = "faces", Count = 5000 }, Resolution = 64 },
        };
        await Host.AddAsync(dataset);

        var job = await (await HostWithRoomForAsync(bytes: 4 << 20)).RunAsync(dataset.JobId);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains("The dataset needs about 57.", job.Error, StringComparison.Ordinal);
        Assert.Contains("Storage:MaxBytes", job.Error, StringComparison.Ordinal);
        Assert.Equal([$"datasets/{run.DatasetId}"], Host.Artifacts.List("datasets"));
    }

    [Fact]
    public async Task Dataset_Fails_BeforeItsArchiveIsExpandedBeyondTheBudget()
    {
        using var upload = new MemoryStream();
        await using (var gzip = new System.IO.Compression.GZipStream(upload, System.IO.Compression.CompressionLevel.Fastest))
        await using (var tar = new System.Formats.Tar.TarWriter(gzip))
            await tar.WriteEntryAsync(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "a.png") { DataStream = new MemoryStream(new byte[8 << 20]) }, TestContext.Current.CancellationToken);
        Host.Artifacts.Write("uploads/archive", upload.ToArray());
        var dataset = new Jobs.Datasets.Dataset
        {
            Id = Guid.CreateVersion7(),
            JobId = (await Host.AddJobAsync(JobKind.Dataset)).Id,
            Name = "archive",
            Spec = new Jobs.Datasets.DatasetSpec { Source = new Jobs.Datasets.DatasetSource { Kind = Jobs.Datasets.DatasetSourceKind.Upload }, Resolution = 8 },
            UploadKey = "uploads/archive",
        };
        await Host.AddAsync(dataset);

        var job = await (await HostWithRoomForAsync(bytes: 4 << 20)).RunAsync(dataset.JobId);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.StartsWith("Expanding the archive needs about", job.Error, StringComparison.Ordinal);
        Assert.Contains("Storage:MaxBytes", job.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("images.u8")]
    [InlineData("dataset.json")]
    public async Task Run_SaysWhatToDo_WhenThePicturesAreDamaged(string file)
    {
        var run = await AddRunAsync();
        Tear(Directory.EnumerateFiles(Host.Artifacts.PathOf($"datasets/{run.DatasetId}"), file, SearchOption.AllDirectories).Single(), file == "images.u8" ? TornFile.Altered : TornFile.Half);

        var job = await Host.RunAsync(run.JobId);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains("damaged", job.Error, StringComparison.Ordinal);
        Assert.Contains("Make the dataset again", job.Error, StringComparison.Ordinal);
    }

    /// <summary>A worker whose budget is used up but for so much.</summary>
    private async Task<WorkerHost> HostWithRoomForAsync(long bytes)
    {
        Host.Artifacts.Write("uploads/ballast", new byte[1 << 20]); // the least budget is a MiB
        var used = Directory.EnumerateFiles(Folder.At("data", "artifacts"), "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
        return await AnotherHostAsync(new KeyValuePair<string, string?>("Storage:MaxBytes", $"{used + bytes}"));
    }
}
