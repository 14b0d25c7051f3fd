using System.IO.Compression;
using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Evaluation.Features;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Tests.Data;
using Ddpm.TestSupport;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Evaluation;

public sealed class FeatureNetworkTests : IDisposable
{
    private const string MeansOfChannels = "return torch.mean(x, [2, 3])";

    private readonly TemporaryFolder _folder = new();

    [Theory, InlineData(FeatureRange.ZeroToOne, 1.0, 0.2), InlineData(FeatureRange.MinusOneToOne, 1.0, -0.6)]
    public void Features_ComeFromPicturesInTheRangeThatWasAsked(FeatureRange range, double first, double second)
    {
        using var network = Load(new FeatureConfig { Range = range, Side = 40 }, MeansOfChannels);
        using var features = network.Features(Plain(8, 255, 51, 51));
        Assert.Equal(ScalarType.Float64, features.dtype);
        Assert.Equal([1, 3], features.shape);
        Assert.Equal([first, second, second], features.data<double>().ToArray().Select(value => Math.Round(value, 6)));
    }

    [Theory, InlineData(0, 16), InlineData(96, 96)]
    public void Features_ComeFromPicturesOfTheSizeThatWasAsked(int asked, int expected)
    {
        using var scope = NewDisposeScope();
        using var network = Load(new FeatureConfig { Range = FeatureRange.Bytes, Side = asked }, "return torch.amax(x, [2, 3])");
        using var features = network.Features(Plain(16, 3, 4, 5));
        Assert.Equal([3.0, 4.0, 5.0], features.data<double>().ToArray());

        using var counting = Load(new FeatureConfig { Side = asked }, "return torch.sum(torch.ones_like(x), [1, 3])"); // a value for each row: 3 times the width
        using var sizes = counting.Features(Plain(16, 0, 0, 0));
        Assert.Equal((expected, 3.0 * expected), (sizes.shape[1], sizes[0, 0].item<double>()));
    }

    [Fact]
    public void Features_OfGreyPictures_HaveThreeEqualChannels()
    {
        using var network = Load(new FeatureConfig { Side = 0 }, MeansOfChannels);
        using var features = network.Features(new PixelBatch([.. Enumerable.Repeat((byte)51, 64)], 1, 1, 8, 8));
        Assert.Equal([0.2, 0.2, 0.2], features.data<double>().ToArray().Select(value => Math.Round(value, 6)));
    }

    [Fact]
    public void Load_SaysWhatIsWrong_WithAFileThatIsNoTorchScript()
    {
        AssertRefused("there.pt", "no file");
        File.WriteAllText(_folder["text.pt"], "weights");
        AssertRefused("text.pt", "text.pt is no TorchScript file: it is no zip");
        using (var zip = ZipFile.Open(_folder["weights.pt"], ZipArchiveMode.Create))
            zip.CreateEntry("weights/data.pkl");
        AssertRefused("weights.pt", "weights without code");
        TorchScriptFile.Write(_folder["extension.pt"], "return ops.torchvision.nms(x, x, 0.5)");
        AssertRefused("extension.pt", "torchvision::nms");
        TorchScriptFile.Write(_folder["torn.pt"], MeansOfChannels);
        using (var zip = ZipFile.Open(_folder["torn.pt"], ZipArchiveMode.Update))
            zip.GetEntry("features/data.pkl")!.Delete();
        AssertRefused("torn.pt", "torn.pt cannot be loaded");
    }

    [Fact]
    public void Features_SayWhatIsWrong_WhenTheNetworkCannotTakeThePictures_OrGivesSomethingElse()
    {
        using var picky = Load(new FeatureConfig { Side = 0 }, "return torch.view(x, [7])");
        Assert.Contains("shape '[7]' is invalid", Assert.Throws<EvaluationException>(() => picky.Features(Plain(8, 1, 1, 1))).Message);
        using var whole = Load(new FeatureConfig { Side = 0 }, "return x");
        Assert.Contains("gives [1, 3, 8, 8] for 1 pictures", Assert.Throws<EvaluationException>(() => whole.Features(Plain(8, 1, 1, 1))).Message);
        using var infinite = Load(new FeatureConfig { Side = 0 }, "return torch.log(torch.mean(x, [2, 3]))");
        Assert.Contains("not finite", Assert.Throws<EvaluationException>(() => infinite.Features(Plain(8, 0, 0, 0))).Message);
    }

    [Fact]
    public void Of_ADataset_IsWorkedOutOnce_AndAgainWhereTheCacheIsDamagedOrTheSettingsDiffer()
    {
        using var dataset = SmallDataset.OfNumbers(_folder["data"], 70);
        using var network = Load(new FeatureConfig { Side = 0 }, MeansOfChannels);
        var calls = 0;
        FeatureStatistics Gather(FeatureNetwork with, int? images = null) => FeatureExtraction.Of(with, dataset, images, _folder["cache"], _ => calls++, CancellationToken.None);

        using var first = Gather(network);
        Assert.Equal((70, 3, 3), (first.Count, first.Dimensions, calls)); // 32 + 32 + 6 pictures
        using var second = Gather(network);
        Assert.Equal(3, calls);
        Assert.Equal(0, FrechetDistance.Between(first, second), 1e-9);
        Assert.Equal(first.Kept().data<double>().ToArray(), second.Kept().data<double>().ToArray());

        File.WriteAllBytes(Directory.GetFiles(_folder["cache"]).Single(), [1, 2, 3]);
        using var third = Gather(network);
        Assert.Equal(6, calls);
        Assert.Equal(0, FrechetDistance.Between(first, third), 1e-9);

        using var other = Load(new FeatureConfig { Side = 0, Range = FeatureRange.MinusOneToOne }, MeansOfChannels);
        using var fourth = Gather(other);
        using var fewer = Gather(network, images: 40);
        Assert.Equal((11, 40), (calls, fewer.Count));
        Assert.Equal(3, Directory.GetFiles(_folder["cache"]).Length);
    }

    public void Dispose() => _folder.Dispose();

    private FeatureNetwork Load(FeatureConfig config, params string[] body) =>
        FeatureNetwork.Load(TorchScriptFile.Write(_folder[$"{Guid.NewGuid():N}.pt"], body), config, CPU);

    private void AssertRefused(string file, string named) =>
        Assert.Contains(named, Assert.Throws<EvaluationException>(() => FeatureNetwork.Load(_folder[file], new FeatureConfig(), CPU)).Message, StringComparison.Ordinal);

    private static PixelBatch Plain(int side, params byte[] colour) =>
        new([.. colour.SelectMany(value => Enumerable.Repeat(value, side * side))], 1, 3, side, side);
}
