using System.Text;
using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Microsoft.EntityFrameworkCore;
using static TorchSharp.torch;

namespace Ddpm.Worker.Tests.Models;

public sealed class ModelImportJobTests : WorkerTests
{
    private const string Weights = "model/unet/diffusion_pytorch_model.safetensors";

    [Fact]
    public async Task Run_TakesTheModelIn_WhenItIsSound()
    {
        var folder = TinyModel.Write(Folder.At("model"));
        var model = await UploadAsync([.. Zips.Files(folder), ("model/readme.md", [1, 2, 3])]);

        AssertSucceeded(await Host.RunAsync(model.JobId!.Value));

        var row = await ReadAsync(model);
        var checkpoint = row.Checkpoint!;
        Assert.Equal((DiffusersFolder.Open(folder).WeightsSha256(), 8, 3, false), (checkpoint.Sha256, checkpoint.Resolution, checkpoint.Channels, checkpoint.Resumable));
        using var loaded = DiffusionModel.Load(Host.Artifacts.PathOf(checkpoint.ArtifactKey), CPU);
        Assert.Equal(loaded.Parameters, checkpoint.Parameters);
        Assert.False(File.Exists(Path.Combine(Host.Artifacts.PathOf(checkpoint.ArtifactKey), "readme.md")));
        Assert.Null(row.UploadKey);
        Assert.Empty(Host.Artifacts.List("uploads"));
    }

    [Fact]
    public async Task Run_NamesTheTensor_WhenOneIsMissing()
    {
        var folder = TinyModel.Write(Folder.At("model"));
        var path = Path.Combine(folder, "unet", "diffusion_pytorch_model.safetensors");
        using (var network = new UNet(TinyModel.Network))
            Safetensors.Write(path, network.state_dict().Where(pair => pair.Key != "conv_out.bias"));
        await AssertFailsAsync([.. Zips.Files(folder)], "'conv_out.bias'");
    }

    [Fact]
    public async Task Run_RefusesPickles()
    {
        var files = Zips.Files(TinyModel.Write(Folder.At("model"))).Where(file => file.Name != Weights);
        await AssertFailsAsync([.. files, ("model/unet/diffusion_pytorch_model.bin", [1])], "safe_serialization=True");
    }

    [Theory]
    [InlineData("unet/config.json", "{", "config.json")]
    [InlineData("unet/config.json", """{"_class_name": "UNet2DConditionModel"}""", "UNet2DConditionModel")]
    [InlineData("scheduler/scheduler_config.json", "[]", "scheduler_config.json")]
    [InlineData("unet/diffusion_pytorch_model.safetensors", "not weights", "diffusion_pytorch_model.safetensors")]
    public async Task Run_NamesTheFile_WhenItCannotBeRead(string file, string content, string named)
    {
        var files = Zips.Files(TinyModel.Write(Folder.At("model")))
            .Select(entry => entry.Name == $"model/{file}" ? (entry.Name, Encoding.UTF8.GetBytes(content)) : entry);
        await AssertFailsAsync([.. files], named);
    }

    [Fact]
    public async Task Run_FailsWithAReason_WhenTheUploadIsNoModel()
    {
        await AssertFailsAsync([("pictures/a.png", [1])], "holds no diffusers folder");
        await AssertFailsAsync("no zip"u8.ToArray(), "not a zip");
    }

    [Fact]
    public async Task Run_RefusesWeightsOverTheLimit()
    {
        var strict = await AnotherHostAsync(new Dictionary<string, string?> { ["Worker:MaxModelBytes"] = "2000" });
        var model = await UploadAsync([.. Zips.Files(TinyModel.Write(Folder.At("model")))]);

        var job = await strict.RunAsync(model.JobId!.Value);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains("more than 2000 bytes", job.Error, StringComparison.Ordinal);
    }

    private Task AssertFailsAsync((string Name, byte[] Content)[] files, string message) => AssertFailsAsync(Zips.Of(files), message);

    private async Task AssertFailsAsync(byte[] upload, string message)
    {
        var model = await UploadAsync(upload);

        var job = await Host.RunAsync(model.JobId!.Value);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains(message, job.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Folder.Path, job.Error, StringComparison.Ordinal);
        Assert.Null((await ReadAsync(model)).CheckpointId);
        Assert.Empty(Host.Artifacts.List("models"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Folder.At("data", "artifacts", ".staging")));
    }

    private Task<NamedModel> UploadAsync((string Name, byte[] Content)[] files) => UploadAsync(Zips.Of(files));

    private async Task<NamedModel> UploadAsync(byte[] zip)
    {
        var key = $"uploads/{Guid.CreateVersion7()}";
        Host.Artifacts.Write(key, zip);
        var model = new NamedModel
        {
            Name = $"model-{Guid.CreateVersion7()}",
            JobId = (await Host.AddJobAsync(JobKind.ModelImport)).Id,
            UploadKey = key,
            CreatedAt = DateTime.UtcNow,
            UpdatedAt = DateTime.UtcNow,
        };
        await Host.AddAsync(model);
        return model;
    }

    private async Task<NamedModel> ReadAsync(NamedModel model)
    {
        await using var db = Host.Open();
        return await db.Models.AsNoTracking().Include(row => row.Checkpoint).SingleAsync(row => row.Name == model.Name, Cancellation);
    }
}
