using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Jobs.Models;
using Ddpm.Worker.Models;
using Ddpm.Worker.Sampling;
using Microsoft.Extensions.Hosting;

namespace Ddpm.Worker.Tests.Models;

public sealed class ModelWarmUpTests : WorkerTests
{
    [Fact]
    public async Task Start_DrawsWithTheShippedModel() => await AssertDrawnAsync(Host, NamedModel.Shipped, TinyModel.Write);

    [Fact]
    public async Task Start_DrawsAlso_WithAModelThatDrawsPicturesOfAClassOnly() => await AssertDrawnAsync(
        await AnotherHostAsync(new KeyValuePair<string, string?>("Samples:DefaultModel", "signs")), "signs", folder =>
        {
            TorchRuntime.Initialize();
            using var network = new UNet(TinyModel.Network with { NumClassEmbeds = 2 });
            DiffusersFolder.Write(folder, network, new NoiseScheduleConfig(), new ClassNames(["stop", "go"], NullClass: null));
            return folder;
        });

    private static async Task AssertDrawnAsync(WorkerHost host, string name, Func<string, string> write)
    {
        var id = Guid.CreateVersion7();
        var folder = write(host.Artifacts.PathOf($"models/{id}"));
        var checkpoint = new Checkpoint { Id = id, NetworkConfig = "{}", SchedulerConfig = "{}", Sha256 = DiffusersFolder.Open(folder).WeightsSha256(), ArtifactKey = $"models/{id}", CreatedAt = DateTime.UtcNow };
        await host.AddAsync(checkpoint);
        await host.AddAsync(new NamedModel { Name = name, CheckpointId = id, CreatedAt = DateTime.UtcNow, UpdatedAt = DateTime.UtcNow });

        await host.Get<IEnumerable<IHostedService>>().OfType<ModelWarmUp>().Single().StartAsync(Cancellation);

        var models = host.Get<ModelCache>();
        Assert.Equal(1, models.Count);
        Assert.Equal(1, models.Use(checkpoint, SamplingPrecision.Float32, model => model.Meter.Rows));
    }
}
