using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Training;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests.Keys;

/// <summary>One of everything, all of one account: made when a test first asks.</summary>
public sealed class Belongings : IAsyncLifetime
{
    public const string Owner = "alice";
    public const string Model = "alices-model";
    public const long PreviewStep = 7;

    public ApiHost Host { get; } = new();

    public Guid Dataset { get; private set; }

    public Guid Run { get; private set; }

    public Guid Checkpoint { get; private set; }

    public Guid Samples { get; private set; }

    public Guid Evaluation { get; private set; }

    /// <summary>The header of whoever owns it all, and may change it.</summary>
    public (string Name, string Value) Alice { get; private set; }

    /// <summary>That of another, who may make and change things too.</summary>
    public (string Name, string Value) Bob { get; private set; }

    /// <summary>That of somebody of the owner's account who may only look.</summary>
    public (string Name, string Value) Reader { get; private set; }

    public (string Name, string Value) Admin { get; private set; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Dataset = await Host.DatasetAsync();
        Run = await Host.RunAsync(dataset: Dataset);
        Checkpoint = await Host.CheckpointAsync(Run);
        await Host.ModelAsync(Model);
        Samples = await Host.SamplesAsync(Checkpoint);
        Evaluation = await Host.EvaluationAsync(Checkpoint, Dataset);
        await Host.Artifacts.WriteAsync($"training-runs/{Run}/p.png", FakeWorker.Png, Cancel);
        await Host.AddAsync(new TrainingPreview { TrainingRunId = Run, Step = PreviewStep, Epoch = 1, ArtifactKey = $"training-runs/{Run}/p.png", At = DateTime.UtcNow });
        await using (var db = Host.Database())
        {
            await db.TrainingRuns.ExecuteUpdateAsync(run => run.SetProperty(r => r.LossCurveKey, $"training-runs/{Run}/p.png"), Cancel);
            await db.Jobs.ExecuteUpdateAsync(job => job.SetProperty(j => j.Account, Owner), Cancel);
            await db.Checkpoints.ExecuteUpdateAsync(row => row.SetProperty(c => c.Account, Owner), Cancel);
            await db.Models.ExecuteUpdateAsync(row => row.SetProperty(m => m.Account, Owner), Cancel);
        }

        await Host.ModelAsync("faces-32");
        await using (var db = Host.Database())
        {
            await db.Checkpoints.Where(row => row.Account != Owner).ExecuteUpdateAsync(row => row.SetProperty(c => c.Account, Account.Shared), Cancel);
            await db.Models.Where(row => row.Account != Owner).ExecuteUpdateAsync(row => row.SetProperty(m => m.Account, Account.Shared), Cancel);
        }

        Alice = await Host.KeyAsync(Owner, ApiRole.Submit);
        Bob = await Host.KeyAsync("bob", ApiRole.Submit);
        Reader = await Host.KeyAsync(Owner, ApiRole.Read);
        Admin = await Host.KeyAsync("root", ApiRole.Admin);
    }

    public ValueTask DisposeAsync()
    {
        Host.Dispose();
        return ValueTask.CompletedTask;
    }
}
