using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Training;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Tests.Storage;

public abstract class RetentionTests : JobsTests
{
    private ArtifactStore Artifacts => Host.Get<ArtifactStore>();

    [Fact]
    public async Task DeleteOld_DeletesSamples_ThatEndedLongAgo()
    {
        var (ended, waiting) = (await AddSamplesAsync(Guid.CreateVersion7(), JobStatus.Succeeded), await AddSamplesAsync(Guid.CreateVersion7(), JobStatus.Queued));
        await EndAgoAsync(TimeSpan.FromDays(29));
        Assert.Equal(0, await DeleteOldAsync());

        await EndAgoAsync(TimeSpan.FromDays(31));
        Assert.Equal(1, await DeleteOldAsync());

        Assert.Equal([$"samples/{waiting}"], Artifacts.List("samples"));
        await using var db = Host.Open();
        Assert.Equal([waiting], await db.SampleBatches.Select(batch => batch.Id).ToListAsync(Cancellation));
        Assert.False(await db.Jobs.AnyAsync(job => job.Kind == JobKind.Sampling && job.Status == JobStatus.Succeeded, Cancellation));
        Assert.NotEqual(ended, waiting);
    }

    [Fact]
    public async Task DeleteOld_LeavesOfARun_TheNewest_TheBest_AndWhatIsNeeded()
    {
        var run = await AddEndedRunAsync();
        var steps = new List<Guid>();
        foreach (var (step, loss) in new[] { (1, 9.0), (2, 0.1), (3, 9), (4, 9), (5, 9), (6, 9), (7, 9) })
            steps.Add(await AddCheckpointAsync(run.Id, step, loss));
        await AddAsync(new NamedModel { Name = "mine", CheckpointId = steps[2], CreatedAt = DateTime.UtcNow, UpdatedAt = DateTime.UtcNow });
        await AddSamplesAsync(steps[3], JobStatus.Queued);
        await AddSamplesAsync(steps[4], JobStatus.Succeeded);

        Assert.Equal(2, await DeleteOldAsync());

        await using var db = Host.Open();
        Assert.Equal([2L, 3, 4, 6, 7], await db.Checkpoints.OrderBy(c => c.Step).Select(c => c.Step).ToListAsync(Cancellation));
        Assert.Equal(5, Artifacts.List($"training-runs/{run.Id}").Count);
    }

    [Fact]
    public async Task DeleteOld_LeavesWhatARunWouldGoOnFrom_AlsoWhereNewerOnesAreDamaged()
    {
        var run = await AddEndedRunAsync();
        await AddCheckpointAsync(run.Id, 1, loss: null);
        foreach (var step in new[] { 2, 3, 4 })
            await AddCheckpointAsync(run.Id, step, loss: null, resumable: false);

        await DeleteOldAsync();

        await using var db = Host.Open();
        Assert.True(await db.Checkpoints.AnyAsync(c => c.Step == 1, Cancellation));
    }

    [Fact]
    public async Task DeleteOld_LeavesRunsAlone_ThatHaveNotEnded()
    {
        var run = await Host.AddTrainingRunAsync();
        foreach (var step in new[] { 1, 2, 3, 4 })
            await AddCheckpointAsync(run.Id, step, loss: null);
        Assert.Equal(0, await DeleteOldAsync());
    }

    [Fact]
    public async Task Name_OrRequest_ThatComesAtTheSameMoment_FindsTheCheckpointGoneOrKeepsIt()
    {
        var run = await AddEndedRunAsync();
        for (var round = 0; round < 20; round++)
        {
            var checkpoint = await AddCheckpointAsync(run.Id, round, loss: null);
            var deletion = Task.Run(async () =>
            {
                await using var db = Host.Open();
                return (await CheckpointUses.DeleteUnneededAsync(db, [checkpoint], Cancellation)).Count;
            });
            var naming = Task.Run(() => NameAsync($"model-{round}", checkpoint));
            var request = Task.Run(() => AddSamplesAsync(checkpoint, JobStatus.Queued));
            var (deleted, isNamed, _) = (await deletion, await naming, await request);

            await using var after = Host.Open();
            var isThere = await after.Checkpoints.AnyAsync(c => c.Id == checkpoint, Cancellation);
            Assert.Equal(isThere, deleted == 0);
            Assert.Equal(isThere, isNamed);
        }
    }

    [Fact]
    public async Task Deletion_WaitsForARequestThatIsBeingSaved_AndThenKeepsTheCheckpoint()
    {
        var run = await AddEndedRunAsync();
        var checkpoint = await AddCheckpointAsync(run.Id, 1, loss: null);
        await using var saving = Host.Open();
        await using var transaction = await saving.Database.BeginTransactionAsync(Cancellation);
        var job = new Job { Id = Guid.CreateVersion7(), Kind = JobKind.Sampling, CreatedAt = DateTime.UtcNow };
        saving.AddRange(job, new SampleBatch { Id = Guid.CreateVersion7(), JobId = job.Id, CheckpointId = checkpoint, Spec = new SamplingSpec() });
        await saving.SaveChangesAsync(Cancellation);

        var deletion = Task.Run(async () =>
        {
            await using var db = Host.Open();
            return await CheckpointUses.DeleteUnneededAsync(db, [checkpoint], Cancellation);
        });
        Assert.NotSame(deletion, await Task.WhenAny(deletion, Task.Delay(200, Cancellation)));
        await transaction.CommitAsync(Cancellation);

        Assert.Empty(await deletion);
    }

    private protected static Dictionary<string, string?> With(Dictionary<string, string?> settings) => new(settings)
    {
        ["Storage:KeepSamplesDays"] = "30",
        ["Storage:KeepCheckpoints"] = "2",
    };

    private Task<int> DeleteOldAsync() => Host.Get<Retention>().DeleteOldAsync(Cancellation);

    private async Task EndAgoAsync(TimeSpan age)
    {
        await using var db = Host.Open();
        var at = DateTime.UtcNow - age;
        await db.Jobs.Where(job => job.EndedAt != null).ExecuteUpdateAsync(set => set.SetProperty(job => job.EndedAt, at), Cancellation);
    }

    private async Task<bool> NameAsync(string name, Guid checkpoint)
    {
        try
        {
            await AddAsync(new NamedModel { Name = name, CheckpointId = checkpoint, CreatedAt = DateTime.UtcNow, UpdatedAt = DateTime.UtcNow });
            return true;
        }
        catch (DbUpdateException)
        {
            return false; // a foreign key of nothing
        }
    }

    private async Task<TrainingRun> AddEndedRunAsync()
    {
        var run = await Host.AddTrainingRunAsync();
        await using var db = Host.Open();
        await db.Jobs.Where(job => job.Id == run.JobId).ExecuteUpdateAsync(
            set => set.SetProperty(job => job.Status, JobStatus.Succeeded).SetProperty(job => job.EndedAt, DateTime.UtcNow), Cancellation);
        return run;
    }

    private async Task<Guid> AddCheckpointAsync(Guid run, long step, double? loss, bool resumable = true)
    {
        var id = Guid.CreateVersion7();
        var key = $"training-runs/{run}/{id}";
        Artifacts.Write($"{key}/model_index.json", [1]);
        await AddAsync(new Checkpoint
        {
            Id = id,
            TrainingRunId = run,
            Step = step,
            Loss = loss,
            Resumable = resumable,
            NetworkConfig = "{}",
            SchedulerConfig = "{}",
            Sha256 = "",
            ArtifactKey = key,
            CreatedAt = DateTime.UtcNow,
        });
        return id;
    }

    private async Task<Guid> AddSamplesAsync(Guid checkpoint, JobStatus status)
    {
        var batch = new SampleBatch { Id = Guid.CreateVersion7(), JobId = (await Host.AddJobAsync(JobKind.Sampling, status)).Id, CheckpointId = checkpoint, Spec = new SamplingSpec() };
        Artifacts.Write($"samples/{batch.Id}/e1/grid.png", [1]);
        await AddAsync(batch);
        return batch.Id;
    }

    private async Task AddAsync(object row)
    {
        await using var db = Host.Open();
        db.Add(row);
        await db.SaveChangesAsync(Cancellation);
    }
}

public sealed class SqliteRetentionTests : RetentionTests
{
    private protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(With(JobsHost.Sqlite(Folder)));
}

[Trait("Category", "services")]
public sealed class PostgresRetentionTests(PostgresFixture postgres) : RetentionTests
{
    private protected override async Task<Dictionary<string, string?>> SettingsAsync() => With(JobsHost.Postgres(Folder, await postgres.CreateDatabaseAsync()));
}
