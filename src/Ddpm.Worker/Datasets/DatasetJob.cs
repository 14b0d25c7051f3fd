using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Worker.Hub;
using Ddpm.Worker.Life;
using Microsoft.EntityFrameworkCore;
using Dataset = Ddpm.Jobs.Datasets.Dataset;
using DatasetClass = Ddpm.Jobs.Datasets.DatasetClass;
using SkippedFile = Ddpm.Jobs.Datasets.SkippedFile;

namespace Ddpm.Worker.Datasets;

/// <summary>Decodes the pictures of a dataset into its cache and draws what the network will see of them.</summary>
internal sealed class DatasetJob(JobRunner runner, IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, DiskSpace disk, AllowedFolders allowed, HubClient hub) : IDatasetJob
{
    private const int PreviewPictures = 64;
    private const double DownloadPart = 0.5; // of the work, as far as anybody can tell beforehand

    public Task RunAsync(Guid jobId, CancellationToken cancellationToken) => runner.RunAsync(jobId, Work);

    private void Work(JobLease lease)
    {
        var dataset = Read(lease.Job.Id);
        var staging = artifacts.CreateStaging();
        using var scratch = disk.Hold("Expanding the archive"); // into a file without a name
        try
        {
            var cache = Path.Combine(staging, "cache");
            var source = SourceOf(dataset, staging, scratch, lease);
            var progress = new ProgressOf(lease, dataset.Spec, disk, dataset.Spec.Source.Kind == DatasetSourceKind.Huggingface ? DownloadPart : 0);
            var manifest = DatasetBuilder.Build(source, SpecMapping.ToOptions(dataset.Spec), cache, progress, lease.Stop);
            var bytes = new DirectoryInfo(cache).EnumerateFiles().Sum(file => file.Length);

            // Under the epoch: a worker that was thought dead and comes back meets nothing of ours.
            var (cacheKey, previewKey) = ($"datasets/{dataset.Id}/e{lease.Epoch}/cache", $"datasets/{dataset.Id}/e{lease.Epoch}/preview.png");
            lease.Stop.ThrowIfCancellationRequested();
            artifacts.Publish(cache, cacheKey);
            artifacts.Write(previewKey, PreviewOf(artifacts.PathOf(cacheKey)));
            lease.Succeed(db => db.Datasets.Where(d => d.Id == dataset.Id).ExecuteUpdate(set => set
                .SetProperty(d => d.CacheKey, cacheKey)
                .SetProperty(d => d.PreviewKey, previewKey)
                .SetProperty(d => d.UploadKey, (string?)null)
                .SetProperty(d => d.ImageCount, manifest.Count)
                .SetProperty(d => d.DuplicateCount, manifest.Deduplicated ? manifest.Duplicates : 0)
                .SetProperty(d => d.SkippedCount, manifest.SkippedCount)
                .SetProperty(d => d.Skipped, manifest.Skipped.Select(file => new SkippedFile(file.Name, file.Reason)).ToList())
                .SetProperty(d => d.Classes, manifest.Classes.Select(c => new DatasetClass(c.Name, c.Count)).ToList())
                .SetProperty(d => d.Bytes, bytes)
                .SetProperty(d => d.Sha256, manifest.Sha256)));
        }
        finally
        {
            Directory.Delete(staging, recursive: true);
        }

        artifacts.DeleteOthers($"datasets/{dataset.Id}/e{lease.Epoch}");
        if (dataset.UploadKey is { } upload)
            artifacts.Delete(upload);
    }

    private Dataset Read(Guid jobId)
    {
        using var db = databases.CreateDbContext();
        return db.Datasets.AsNoTracking().SingleOrDefault(dataset => dataset.JobId == jobId)
            ?? throw new JobFailedException("The dataset was deleted before it was built.");
    }

    private IImageSource SourceOf(Dataset dataset, string scratchFolder, HeldRoom scratch, JobLease lease) => dataset.Spec.Source switch
    {
        { Kind: DatasetSourceKind.Upload } => dataset.UploadKey is { } key && artifacts.Exists(key)
            ? new ArchiveSource(artifacts.PathOf(key), scratchFolder) { MakeRoom = scratch.Require }
            : throw new JobFailedException("The uploaded archive is gone; upload it again."),
        { Kind: DatasetSourceKind.Directory, Path: { } path } source => FilesOf(source, allowed.Check(path)),
        { Kind: DatasetSourceKind.Huggingface, Repository: { } repository } source => Download(source, repository, lease),
        { Kind: DatasetSourceKind.Builtin, Name: "faces", Count: { } count, Seed: var seed } => new FacesSource(count, (ulong)seed, dataset.Spec.Resolution),
        { Kind: DatasetSourceKind.Builtin, Name: var name } => throw new JobFailedException($"There is no built-in set '{name}'; there is 'faces', which needs a count."),
        _ => throw new JobFailedException("The source of the dataset names no folder."),
    };

    private static IImageSource FilesOf(DatasetSource source, string path) => ParquetSource.IsOne(path)
        ? new ParquetSource(path) { Split = source.Split, ImageColumn = source.ImageColumn, LabelColumn = source.LabelColumn }
        : new DirectorySource(path);

    private ParquetSource Download(DatasetSource source, string repository, JobLease lease) => HubDatasets.FetchAsync(
        hub, new HubRepository(IsDataset: true, repository, source.Revision ?? HubRepository.UsualRevision), source.Split, source.ImageColumn, source.LabelColumn,
        new FractionOf(lease, DownloadPart), lease.Stop).GetAwaiter().GetResult();

    private static byte[] PreviewOf(string cache)
    {
        using var pictures = ImageDataset.Open(cache);
        var preview = pictures.Preview(PreviewPictures);
        var (rows, columns) = ImageGrid.LayoutFor(preview.Count);
        return ImageGrid.EncodePng(preview, rows, columns);
    }

    private sealed class ProgressOf(JobLease lease, DatasetSpec spec, DiskSpace disk, double before) : IProgress<DatasetProgress>
    {
        private readonly long _bytesOfAPicture = (long)spec.Channels * spec.Resolution * spec.Resolution;
        private bool _isAsked;

        // After the first pictures it is known how many files there are; how many of them are pictures is not.
        public void Report(DatasetProgress value)
        {
            lease.Progress = before + (1 - before) * value.FilesDone / Math.Max(1, value.FilesTotal);
            var left = Math.Min(value.FilesTotal - value.FilesDone, (spec.Limit ?? int.MaxValue) - value.Images);
            disk.Require(_isAsked ? 0 : left * _bytesOfAPicture, "The dataset");
            _isAsked = true;
        }
    }
}
