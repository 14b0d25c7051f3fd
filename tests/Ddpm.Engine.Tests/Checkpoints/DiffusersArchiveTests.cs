using System.IO.Compression;
using Ddpm.Engine.Checkpoints;

namespace Ddpm.Engine.Tests.Checkpoints;

public sealed class DiffusersArchiveTests : IDisposable
{
    private const string Weights = "diffusion_pytorch_model.safetensors";

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Extract_Refuses_WhenTheZipUnpacksToFarMoreThanItsSize()
    {
        Zip(("unet/config.json", "{}"u8.ToArray()), ($"unet/{Weights}", new byte[10_000_000]));

        Assert.Contains("more than 20 times its size", Assert.Throws<CheckpointException>(Extract).Message);
    }

    [Fact]
    public void Extract_Refuses_WhenThereAreTooManyEntries()
    {
        Zip([("unet/config.json", []), ($"unet/{Weights}", []), .. Enumerable.Range(0, 10_000).Select(n => ($"{n}", Array.Empty<byte>()))]);

        Assert.Contains("10002 entries", Assert.Throws<CheckpointException>(Extract).Message);
    }

    [Fact]
    public void Extract_LeavesOutWhatLiesAtTheTopToo()
    {
        Zip(("unet/config.json", [1]), ($"unet/{Weights}", [2]), ("scheduler/scheduler_config.json", [3]), ("config.json", [4]), (Weights, [5]), ("scheduler_config.json", [6]));

        Extract();

        Assert.Empty(Directory.EnumerateFiles(_folder["model"]));
        Assert.Equal([2], File.ReadAllBytes(Path.Combine(_folder["model"], "unet", Weights)));
    }

    [Fact]
    public void Extract_TakesTheTopLevelFilesOfOldModels()
    {
        Zip(("config.json", [4]), (Weights, [5]), ("scheduler_config.json", [6]));

        Extract();

        Assert.Equal(["config.json", Weights, "scheduler_config.json"], Directory.EnumerateFiles(_folder["model"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Extract_AsksForRoom_ForTheZipAndThenForWhatShrankInIt()
    {
        Zip(("config.json", []), (Weights, [.. new Random(1).GetItems<byte>([.. Enumerable.Range(0, 4).Select(n => (byte)n)], 5 << 20)]), ("scheduler_config.json", []));
        var zip = new FileInfo(_folder["model.zip"]).Length;
        var asked = new List<long>();

        Assert.Throws<IOException>(() => DiffusersArchive.Extract(
            _folder["model.zip"], _folder["model"], DiffusersArchive.UsualMaxWeightBytes, CancellationToken.None, bytes => asked.Add(asked.Count < 3 ? bytes : throw new IOException("no room"))));

        Assert.Equal([zip, 1 << 20, 1 << 20], asked);
        Assert.InRange(new FileInfo(Path.Combine(_folder["model"], Weights)).Length, zip, asked.Sum());
    }

    public void Dispose() => _folder.Dispose();

    private void Extract() => DiffusersArchive.Extract(_folder["model.zip"], _folder["model"], DiffusersArchive.UsualMaxWeightBytes, CancellationToken.None);

    private void Zip(params (string Name, byte[] Content)[] files)
    {
        using var zip = ZipFile.Open(_folder["model.zip"], ZipArchiveMode.Create);
        foreach (var (name, content) in files)
        {
            using var entry = zip.CreateEntry(name).Open();
            entry.Write(content);
        }
    }
}
