using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Ddpm.Worker.Models;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;

namespace Ddpm.Worker.Tests.Models;

public sealed class BuiltinModelsTests : WorkerTests
{
    private const string Name = "tiny";

    [Fact]
    public async Task WhatIsShipped_IsShared_AlsoInDatabasesFromBeforeThereWereAccounts()
    {
        var worker = await RegisteredAsync();
        Assert.Equal((Account.Shared, Account.Shared), await AccountsAsync());

        await using (var db = Host.Open())
        {
            await db.Models.ExecuteUpdateAsync(row => row.SetProperty(m => m.Account, Account.Local), Cancellation);
            await db.Checkpoints.ExecuteUpdateAsync(row => row.SetProperty(c => c.Account, Account.Local), Cancellation);
        }

        await BuiltinsOf(worker).StartAsync(Cancellation);
        Assert.Equal((Account.Shared, Account.Shared), await AccountsAsync());
        await using var rows = Host.Open();
        Assert.Equal(1, await rows.Checkpoints.CountAsync(Cancellation));
    }

    [Fact]
    public async Task FilesOfWhatIsShipped_ComeBack_WhereTheyAreGone()
    {
        var worker = await RegisteredAsync();
        var artifacts = worker.Get<ArtifactStore>();
        var key = await KeyAsync();
        artifacts.Delete(key);

        await BuiltinsOf(worker).StartAsync(Cancellation);

        await using var rows = Host.Open();
        Assert.Equal((key, 1), (await KeyAsync(), await rows.Checkpoints.CountAsync(Cancellation)));
        Assert.True(File.Exists(Path.Combine(artifacts.PathOf(key), "model_index.json")));
    }

    [Fact]
    public async Task ANameThatSomebodyHas_StaysTheirs()
    {
        var id = Guid.CreateVersion7();
        await Host.AddAsync(new Checkpoint
        {
            Id = id,
            Account = "alice",
            NetworkConfig = "{}",
            SchedulerConfig = "{}",
            Sha256 = new string('0', 64),
            ArtifactKey = "models/mine",
            CreatedAt = DateTime.UtcNow,
        });
        await Host.AddAsync(new NamedModel { Name = Name, Account = "alice", CheckpointId = id, CreatedAt = DateTime.UtcNow, UpdatedAt = DateTime.UtcNow });
        await RegisteredAsync();
        Assert.Equal(("alice", "alice"), await AccountsAsync());
    }

    private async Task<WorkerHost> RegisteredAsync()
    {
        TinyModel.Write(Folder.At(Path.Combine("shipped", Name)));
        var worker = await AnotherHostAsync(new KeyValuePair<string, string?>("Models:Builtin", Folder.At("shipped")));
        await BuiltinsOf(worker).StartAsync(Cancellation);
        return worker;
    }

    private static BuiltinModels BuiltinsOf(WorkerHost worker) => worker.Get<IEnumerable<IHostedService>>().OfType<BuiltinModels>().Single();

    private async Task<string> KeyAsync()
    {
        await using var db = Host.Open();
        return await db.Models.Where(row => row.Name == Name).Select(row => row.Checkpoint!.ArtifactKey).SingleAsync(Cancellation);
    }

    private async Task<(string Model, string Checkpoint)> AccountsAsync()
    {
        await using var db = Host.Open();
        var model = await db.Models.AsNoTracking().Include(row => row.Checkpoint).SingleAsync(row => row.Name == Name, Cancellation);
        return (model.Account, model.Checkpoint!.Account);
    }
}
