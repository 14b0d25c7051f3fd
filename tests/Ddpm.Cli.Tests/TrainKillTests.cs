using System.Text.RegularExpressions;

namespace Ddpm.Cli.Tests;

/// <summary>A run that is killed again and again, as by a machine that loses its power, ends as one that was left alone.</summary>
[Trait("Category", "faults")]
public sealed class TrainKillTests : IDisposable
{
    private const int Kills = 20;
    private const int FewestKills = 10;
    private const int Steps = 400;

    private static readonly string[] TinyRun =
    [
        "--channels", "8", "--layers", "1", "--batch-size", "2", "--warmup", "10", "--threads", "1", "--dropout", "0.1", "--class-conditional", "--steps", $"{Steps}",
    ];

    // Often, so that every attempt gets on a little; no previews but the last, which would take most of the time.
    private static readonly string[] Pace = ["--checkpoint-every", "2", "--preview-every", "100000"];

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public TrainKillTests() => Tool.Do(_folder.Path, "dataset", "make", "faces", "faces", "--count", "12", "--size", "8"); // a folder for each hair colour

    // Both at once: each uses one core and mostly starts processes.
    [Fact]
    public async Task Train_EndsInTheSameWeights_HoweverOftenItIsKilled() => await Task.WhenAll(
        Task.Run(() => KillAndResumeAsync("float32", new Random(17)), Cancellation), Task.Run(() => KillAndResumeAsync("bfloat16", new Random(18)), Cancellation));

    public void Dispose() => _folder.Dispose();

    private async Task KillAndResumeAsync(string precision, Random random)
    {
        var (undisturbed, disturbed) = ($"undisturbed-{precision}", $"disturbed-{precision}");
        string[] run = ["train", "faces", "--resolution", "8", "--precision", precision, .. TinyRun, .. Pace];
        string[] resume = ["train", "--resume", "--out", disturbed, "--threads", "1", .. Pace];
        Tool.Do(_folder.Path, [.. run, "--out", undisturbed]);
        var kills = 0;
        while (kills < Kills)
        {
            using var tool = Tool.Start(_folder.Path, File.Exists(_folder.At(disturbed, "train.json")) ? resume : [.. run, "--out", disturbed]);
            if (random.Next(5) > 0) // else it may die before it has trained at all
                await Eventually.BecomesTrueAsync("it trains, or has ended", () => tool.HasEnded || Regex.IsMatch(tool.Errors, @"step \d+/"));
            await Task.Delay(random.Next(600), Cancellation);
            if (tool.HasEnded) // a fast machine may be done before its last kill
            {
                Assert.True(tool.WaitForEnd() is { Status: 0 }, $"{precision} ended by itself: {tool.Errors}");
                break;
            }

            tool.Kill();
            kills++;
        }

        Assert.True(kills >= FewestKills, $"{precision} had done its {Steps} steps after {kills} kills, too few to show anything.");
        var last = Tool.Run(_folder.Path, resume);
        Assert.True(last.Status == 0, $"{precision} ended with {last.Status}: {last.Errors}");
        AssertSameCheckpoint(_folder.At(undisturbed, "checkpoints", $"step-{Steps:D8}"), _folder.At(disturbed, "checkpoints", $"step-{Steps:D8}"));
    }

    // Weights, average, moments, counts, losses, and the list of their hashes.
    private static void AssertSameCheckpoint(string expected, string actual)
    {
        var files = Directory.GetFiles(expected, "*", SearchOption.AllDirectories);
        Assert.Equal(9, files.Length);
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(actual, Path.GetRelativePath(expected, file)))));
    }
}
