using System.Data;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Telemetry;
using Ddpm.Jobs.Training;
using Ddpm.Jobs.Workers;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Storage;

/// <summary>All tables. A class derives from it for each database, because each has migrations of its own; and from each of these one that shows the rows of one account.</summary>
public abstract class DdpmDbContext : DbContext
{
    /// <summary>Makes one.</summary>
    /// <remarks>Without savepoints. EF says nothing where the connection breaks while it releases one: what follows is refused for no good reason, or is outside of the transaction. Each costs two round trips, too,
    /// and a transaction that fails here is rolled back whole.</remarks>
    protected DdpmDbContext(DbContextOptions options)
        : base(options) => Database.AutoSavepointsEnabled = false;

    /// <summary>All work, of whatever kind.</summary>
    public DbSet<Job> Jobs => Set<Job>();

    /// <summary>Datasets.</summary>
    public DbSet<Dataset> Datasets => Set<Dataset>();

    /// <summary>Training runs.</summary>
    public DbSet<TrainingRun> TrainingRuns => Set<TrainingRun>();

    /// <summary>Curves of the training runs.</summary>
    public DbSet<TrainingMetric> TrainingMetrics => Set<TrainingMetric>();

    /// <summary>Grids drawn during training.</summary>
    public DbSet<TrainingPreview> TrainingPreviews => Set<TrainingPreview>();

    /// <summary>Checkpoints, made here or imported.</summary>
    public DbSet<Checkpoint> Checkpoints => Set<Checkpoint>();

    /// <summary>Names of checkpoints.</summary>
    public DbSet<NamedModel> Models => Set<NamedModel>();

    /// <summary>Sample requests.</summary>
    public DbSet<SampleBatch> SampleBatches => Set<SampleBatch>();

    /// <summary>Models measured against datasets.</summary>
    public DbSet<Evaluation> Evaluations => Set<Evaluation>();

    /// <summary>Worker processes.</summary>
    public DbSet<WorkerPresence> Workers => Set<WorkerPresence>();

    /// <summary>API keys.</summary>
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();

    /// <summary>Idempotency keys that were used.</summary>
    public DbSet<IdempotencyRecord> IdempotencyRecords => Set<IdempotencyRecord>();

    /// <summary>Whose rows this context shows, beside the shared ones; null for everybody's: that is a worker's, and an administrator's.</summary>
    /// <remarks>Filters of the model see to it, in every query, update and deletion that does not say <c>IgnoreQueryFilters</c>.</remarks>
    public string? OnlyAccount { get; internal set; }

    /// <summary>Whether the model has those filters. One that has none costs a worker's queries nothing.</summary>
    private protected virtual bool ShowsOneAccount => false;

    /// <summary>Saves. Checkpoints that new or changed rows need are held meanwhile, so that they are not deleted at the same moment: see <see cref="CheckpointUses"/>.</summary>
    public override async Task<int> SaveChangesAsync(bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        var needed = ChangeTracker.Entries().Where(entry => entry.State is EntityState.Added or EntityState.Modified).Select(entry => entry.Entity switch
        {
            SampleBatch batch => batch.CheckpointId,
            Evaluation evaluation => evaluation.CheckpointId,
            NamedModel model => model.CheckpointId,
            _ => null,
        }).OfType<Guid>().ToArray();
        if (needed.Length == 0)
            return await base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);

        await using var transaction = Database.CurrentTransaction is null ? await Database.BeginTransactionAsync(cancellationToken) : null;
        await HoldAsync(needed, cancellationToken);
        var saved = await base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
        if (transaction is not null)
            await transaction.CommitAsync(cancellationToken);
        return saved;
    }

    /// <summary>Keeps checkpoints from being deleted until the transaction ends. SQLite has one writer at a time, so that there is nothing to do.</summary>
    protected virtual Task HoldAsync(Guid[] checkpoints, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Whether its connection broke amid a transaction, whatever an exception says of it: some statements are refused before they are sent.</summary>
    public bool HasLostItsConnection => Database.CurrentTransaction is not null && Database.GetDbConnection().State != ConnectionState.Open;

    /// <summary>The time that leases and signs of life are judged by (UTC). Where machines share a database its clock is the judge, since theirs may differ or be set;
    /// with SQLite all processes are on this machine.</summary>
    /// <param name="clock">Of this process.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<DateTime> NowAsync(TimeProvider clock, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(clock);
        return OwnClock is { } own ? await own.SingleAsync(cancellationToken) : clock.GetUtcNow().UtcDateTime;
    }

    /// <summary><see cref="NowAsync"/>, waited for.</summary>
    public DateTime Now(TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        return OwnClock is { } own ? own.Single() : clock.GetUtcNow().UtcDateTime;
    }

    /// <summary>A query of one row: the time of the database's own clock; null where that of this process is as good.</summary>
    protected virtual IQueryable<DateTime>? OwnClock => null;

    /// <summary>Column type of JSON.</summary>
    protected abstract string JsonType { get; }

    /// <inheritdoc/>
    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        ArgumentNullException.ThrowIfNull(configurationBuilder);
        configurationBuilder.Properties<DateTime>().HaveConversion<UtcDateTimeConverter>();
        configurationBuilder.Properties<Enum>().HaveConversion<string>().HaveMaxLength(32);
    }

    /// <inheritdoc/>
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        modelBuilder.Entity<Job>(job =>
        {
            job.HasIndex(j => new { j.Status, j.Kind, j.CreatedAt });
            job.HasIndex(j => new { j.Account, j.Status });
            job.HasIndex(j => new { j.Kind, j.EndedAt }); // those that ended last
            job.Property(j => j.Account).HasMaxLength(Account.LongestName).HasDefaultValue(Account.Local);
            job.Property(j => j.Owner).HasMaxLength(200);
            job.Property(j => j.DispatchId).HasMaxLength(100);
            job.Property(j => j.TraceParent).HasMaxLength(Tracing.LongestTraceParent);
            job.Property(j => j.RequestId).HasMaxLength(Tracing.LongestRequestId);
        });
        modelBuilder.Entity<Dataset>(dataset =>
        {
            dataset.HasOne(d => d.Job).WithMany().HasForeignKey(d => d.JobId).OnDelete(DeleteBehavior.Restrict);
            dataset.Property(d => d.Spec).IsJson(JsonType);
            dataset.Property(d => d.Skipped).IsJson(JsonType);
            dataset.Property(d => d.Classes).IsJson(JsonType);
        });
        modelBuilder.Entity<TrainingRun>(run =>
        {
            run.HasOne(r => r.Job).WithMany().HasForeignKey(r => r.JobId).OnDelete(DeleteBehavior.Restrict);
            run.HasOne(r => r.Dataset).WithMany().HasForeignKey(r => r.DatasetId).OnDelete(DeleteBehavior.Restrict);
            run.Property(r => r.Spec).IsJson(JsonType);
        });
        modelBuilder.Entity<TrainingMetric>(metric =>
        {
            metric.HasKey(m => new { m.TrainingRunId, m.Step });
            metric.HasOne<TrainingRun>().WithMany().HasForeignKey(m => m.TrainingRunId).OnDelete(DeleteBehavior.Cascade);
        });
        modelBuilder.Entity<TrainingPreview>(preview =>
        {
            preview.HasKey(p => new { p.TrainingRunId, p.Step });
            preview.HasOne<TrainingRun>().WithMany().HasForeignKey(p => p.TrainingRunId).OnDelete(DeleteBehavior.Cascade);
        });
        modelBuilder.Entity<Checkpoint>(checkpoint =>
        {
            checkpoint.HasIndex(c => new { c.TrainingRunId, c.Step });
            checkpoint.Property(c => c.Account).HasMaxLength(Account.LongestName).HasDefaultValue(Account.Local);
            checkpoint.HasOne<TrainingRun>().WithMany().HasForeignKey(c => c.TrainingRunId).OnDelete(DeleteBehavior.Restrict);
        });
        modelBuilder.Entity<NamedModel>(model =>
        {
            model.HasKey(m => m.Name);
            model.Property(m => m.Account).HasMaxLength(Account.LongestName).HasDefaultValue(Account.Local);
            model.Property(m => m.Name).HasMaxLength(64);
            model.HasOne(m => m.Checkpoint).WithMany().HasForeignKey(m => m.CheckpointId).OnDelete(DeleteBehavior.Restrict);
            model.HasOne(m => m.Job).WithMany().HasForeignKey(m => m.JobId).OnDelete(DeleteBehavior.Restrict);
        });
        modelBuilder.Entity<SampleBatch>(batch =>
        {
            batch.HasIndex(b => b.CheckpointId);
            batch.HasOne(b => b.Job).WithMany().HasForeignKey(b => b.JobId).OnDelete(DeleteBehavior.Restrict);
            batch.Property(b => b.Spec).IsJson(JsonType);
        });
        modelBuilder.Entity<Evaluation>(evaluation =>
        {
            evaluation.HasIndex(e => e.CheckpointId);
            evaluation.HasIndex(e => e.DatasetId);
            evaluation.HasOne(e => e.Job).WithMany().HasForeignKey(e => e.JobId).OnDelete(DeleteBehavior.Restrict);
            evaluation.Property(e => e.Spec).IsJson(JsonType);
            evaluation.Property(e => e.Results!).IsJson(JsonType).IsRequired(false);
        });
        modelBuilder.Entity<WorkerPresence>(worker =>
        {
            worker.HasKey(w => w.Name);
            worker.Property(w => w.Name).HasMaxLength(200);
        });
        modelBuilder.Entity<ApiKey>(key =>
        {
            key.HasIndex(k => k.Sha256).IsUnique();
            key.Property(k => k.Account).HasMaxLength(Account.LongestName);
            key.Property(k => k.Prefix).HasMaxLength(16);
            key.Property(k => k.Sha256).HasMaxLength(64);
        });
        modelBuilder.Entity<IdempotencyRecord>(record =>
        {
            record.HasKey(r => new { r.Scope, r.Key });
            record.Property(r => r.Scope).HasMaxLength(200);
            record.Property(r => r.Key).HasMaxLength(255);
            record.HasIndex(r => r.CreatedAt);
        });
        if (ShowsOneAccount)
            FilterByAccount(modelBuilder);
    }

    // A job shows whose it is; what a job or a run makes is shown with it, since filters hold inside filters.
    private void FilterByAccount(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Job>().HasQueryFilter(row => row.Account == OnlyAccount || row.Account == Account.Shared);
        modelBuilder.Entity<Checkpoint>().HasQueryFilter(row => row.Account == OnlyAccount || row.Account == Account.Shared);
        modelBuilder.Entity<NamedModel>().HasQueryFilter(row => row.Account == OnlyAccount || row.Account == Account.Shared);
        modelBuilder.Entity<Dataset>().HasQueryFilter(row => Jobs.Any(job => job.Id == row.JobId));
        modelBuilder.Entity<TrainingRun>().HasQueryFilter(row => Jobs.Any(job => job.Id == row.JobId));
        modelBuilder.Entity<SampleBatch>().HasQueryFilter(row => Jobs.Any(job => job.Id == row.JobId));
        modelBuilder.Entity<Evaluation>().HasQueryFilter(row => Jobs.Any(job => job.Id == row.JobId));
        modelBuilder.Entity<TrainingMetric>().HasQueryFilter(row => TrainingRuns.Any(run => run.Id == row.TrainingRunId));
        modelBuilder.Entity<TrainingPreview>().HasQueryFilter(row => TrainingRuns.Any(run => run.Id == row.TrainingRunId));
    }
}
