using System.Text;
using Ddpm.Engine.Checkpoints;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Checkpoints;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SafetensorsTests() => TorchRuntime.Initialize();

    [Fact]
    public void Write_ThenRead_GivesTheSameTensors()
    {
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>
        {
            ["b"] = linspace(-1, 1, 6).view(2, 3),
            ["a"] = arange(5),
            ["half"] = linspace(-1, 1, 4).to(ScalarType.Float16),
            ["empty"] = zeros(0, 7),
            ["scalar"] = tensor(2.5),
            ["strided"] = linspace(-1, 1, 12).view(3, 4).t(),
        };
        Safetensors.Write(_folder["t.safetensors"], tensors);
        using var file = Safetensors.Open(_folder["t.safetensors"]);
        Assert.Equal("pt", file.Metadata["format"]);
        foreach (var (name, expected) in tensors)
        {
            var read = file.Read(name);
            Assert.Equal(expected.dtype, read.dtype);
            Assert.True(expected.shape.SequenceEqual(read.shape) && expected.eq(read).all().item<bool>(), name);
        }
    }

    [Theory]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "outside the file")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "no tensor owns")]
    [InlineData("""{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "needs 12 bytes")]
    [InlineData("""{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", 8, "impossible shape")]
    [InlineData("""{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}""", 8, "impossible shape")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "outside the file")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", 8, "outside the file")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999]}}""", 8, "outside the file")]
    [InlineData("""{"w":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}""", 8, "dtype Q4")]
    [InlineData("""{"w":{"shape":[2],"data_offsets":[0,8]}}""", 8, "needs dtype")]
    [InlineData("""{"w":7}""", 8, "needs dtype")]
    [InlineData("""{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "begins at byte")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", 16, "JSON")]
    [InlineData("[]", 0, "JSON object")]
    [InlineData("{", 0, "JSON")]
    public void Open_Refuses_AHeaderThatLies(string header, int dataBytes, string reason)
    {
        var bytes = Encoding.UTF8.GetBytes(header);
        AssertRefused([.. BitConverter.GetBytes((ulong)bytes.Length), .. bytes, .. new byte[dataBytes]], reason);
    }

    [Fact]
    public void Open_Refuses_AHeaderLengthThatCannotBe()
    {
        AssertRefused([], "0 bytes");
        AssertRefused([1, 2, 3], "3 bytes");
        AssertRefused([.. BitConverter.GetBytes(ulong.MaxValue), .. new byte[100]], "header claims");
        AssertRefused([.. BitConverter.GetBytes(101UL), .. new byte[100]], "header claims");
    }

    [Theory]
    [InlineData("missing", "lacks 1")]
    [InlineData("extra", "extra.weight")]
    [InlineData("shape", "has shape [1]")]
    [InlineData("nan", "not finite")]
    [InlineData("integers", "dtype I64")]
    public void Load_NamesTheTensor_ThatDoesNotFitTheNetwork(string fault, string reason)
    {
        using var scope = NewDisposeScope();
        var weights = Path.Combine(TinyModel.Write(_folder["model"]), "unet", "diffusion_pytorch_model.safetensors");
        Dictionary<string, Tensor> tensors;
        using (var file = Safetensors.Open(weights))
            tensors = file.Entries.ToDictionary(entry => entry.Name, entry => file.Read(entry.Name));
        switch (fault)
        {
            case "missing": tensors.Remove("conv_in.bias"); break;
            case "extra": tensors["extra.weight"] = zeros(1); break;
            case "shape": tensors["conv_in.bias"] = zeros(1); break;
            case "nan": tensors["conv_in.bias"].fill_(float.NaN); break;
            default: tensors["conv_in.bias"] = tensors["conv_in.bias"].to(ScalarType.Int64); break;
        }

        Safetensors.Write(weights, tensors);
        var refused = Assert.Throws<CheckpointException>(() => CheckpointFolders.LoadNetwork(_folder["model"]));
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.Contains(fault == "extra" ? "extra.weight" : "conv_in.bias", refused.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private void AssertRefused(byte[] content, string reason)
    {
        var path = _folder["bad.safetensors"];
        File.WriteAllBytes(path, content);
        var fault = Assert.Throws<CheckpointException>(() => Safetensors.Open(path).Dispose());
        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
        Assert.Contains("bad.safetensors", fault.Message, StringComparison.Ordinal);
    }
}
