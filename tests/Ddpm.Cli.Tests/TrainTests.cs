using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ddpm.Cli.Tests;

[Trait("Category", "services")]
public sealed class TrainTests : IDisposable
{
    private const string Steps = "300";

    private static readonly string[] TinyRun =
    [
        "--channels", "8,16", "--layers", "1", "--batch-size", "4", "--warmup", "10", "--threads", "1", "--checkpoint-every", "100", "--preview-every", "100000",
    ];

    private readonly TemporaryFolder _folder = new();

    public TrainTests() => Tool.Do(_folder.Path, "dataset", "make", "faces", "faces", "--count", "32", "--size", "16", "--format", "cache");

    [Fact]
    public async Task Train_SavesOnCtrlC_AndResumeEndsInTheWeightsOfAnUndisturbedRun()
    {
        Tool.Do(_folder.Path, ["train", "faces", "--out", "undisturbed", "--steps", Steps, .. TinyRun]);

        string stopped;
        using (var run = Tool.Start(_folder.Path, ["train", "faces", "--out", "disturbed", "--steps", Steps, .. TinyRun]))
        {
            await Eventually.BecomesTrueAsync("the run has begun", () => run.Errors.Contains("step 1/" + Steps, StringComparison.Ordinal));
            run.Interrupt();
            var (status, output, errors) = run.WaitForEnd();
            Assert.Equal(130, status);
            var said = Regex.Match(output, @"Stopped after step (\d+), which is saved\. Go on with: ddpm train --resume --out .*disturbed");
            Assert.True(said.Success, output);
            stopped = said.Groups[1].Value;
            Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(_folder.At("disturbed", "model")));
        var resumed = Tool.Run(_folder.Path, "train", "--resume", "--out", "disturbed", "--threads", "1", "--checkpoint-every", "100");
        Assert.Equal(0, resumed.Status);
        Assert.Contains($"Going on from step {stopped}\n", resumed.Errors, StringComparison.Ordinal);
        Assert.Contains($"Trained to step {Steps}", resumed.Output, StringComparison.Ordinal);
        Assert.Equal(Sha256("undisturbed"), Sha256("disturbed"));
    }

    [Fact]
    public void Checkpoint_IsDescribedWithItsTraining_AndExportedWithoutIt()
    {
        Tool.Do(_folder.Path, ["train", "faces", "--out", "run", .. TinyRun, "--steps", "20"]);
        var checkpoint = Directory.GetDirectories(_folder.At("run", "checkpoints")).Single();
        var said = JsonNode.Parse(Tool.Do(_folder.Path, "model", "info", checkpoint, "--json"))!;
        Assert.Equal((20, true), ((int)said["training"]!["step"]!, (bool)said["training"]!["ema"]!));
        Assert.Contains("EMA         yes", Tool.Do(_folder.Path, "model", "info", checkpoint), StringComparison.Ordinal);

        Tool.Do(_folder.Path, "model", "export", checkpoint, "--out", "exported");
        Assert.Equal(
            ["model_index.json", "scheduler/scheduler_config.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors"],
            Directory.GetFiles(_folder.At("exported"), "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(_folder.At("exported"), file)).Order(StringComparer.Ordinal));
        Assert.Contains("run/model", Tool.Run(_folder.Path, "sample", "run").Errors, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private string Sha256(string run) =>
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder.At(run, "model", "unet", "diffusion_pytorch_model.safetensors"))));
}
