using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Tests.Checkpoints;

public sealed class ClassNamesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory, InlineData(null, 2), InlineData(2, 3)]
    public void Names_GoWithTheModel_WhereverItIsWritten(int? nullClass, int labels)
    {
        var folder = Write("model", new ClassNames(["cats", "»dogs«"], nullClass));
        DiffusersFolder.Open(folder).WriteNormalised(_folder["normalised"]);
        var read = DiffusersFolder.Open(_folder["normalised"]).Classes!;
        Assert.Equal(["cats", "»dogs«"], read.Names);
        Assert.Equal((nullClass, labels), (read.NullClass, read.Labels));
        Assert.Contains("»dogs«", File.ReadAllText(Path.Combine(folder, "classes.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void Folder_WithoutNames_HasNone() => Assert.Null(DiffusersFolder.Open(TinyModel.Write(_folder["model"])).Classes);

    [Theory]
    [InlineData("[]", "cannot be read")]
    [InlineData("null", "holds no classes")]
    [InlineData("""{"names": ["a", "b"]}""", "null_class")]
    [InlineData("""{"names": [], "null_class": null}""", "at least one name")]
    [InlineData("""{"names": ["a", "a"], "null_class": 2}""", "twice")]
    [InlineData("""{"names": ["a", "b"], "null_class": 1}""", "null_class is 1; it is the label after the last class, 2, or null")]
    [InlineData("""{"names": ["a"], "null_class": null}""", "names 1 classes, but num_class_embeds of the network is 3")]
    public void Folder_IsRefused_WhenItsNamesAreUnsound(string json, string fault)
    {
        var folder = Write("model", new ClassNames(["a", "b"], NullClass: 2));
        File.WriteAllText(Path.Combine(folder, ClassNames.FileName), json);
        var message = Assert.Throws<CheckpointException>(() => DiffusersFolder.Open(folder)).Message;
        Assert.StartsWith("classes.json", message, StringComparison.Ordinal);
        Assert.Contains(fault, message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private string Write(string name, ClassNames classes)
    {
        TorchRuntime.Initialize();
        using var network = TinyModel.Build(TinyModel.Network with { NumClassEmbeds = classes.Labels });
        DiffusersFolder.Write(_folder[name], network, new NoiseScheduleConfig(), classes);
        return _folder[name];
    }
}
