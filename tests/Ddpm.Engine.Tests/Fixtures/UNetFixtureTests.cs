using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Networks.Cpu;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Fixtures;

[Trait("Category", "fixtures")]
public sealed class UNetFixtureTests
{
    public static IEnumerable<TheoryDataRow<string>> Cases => FixtureCase.OfKind("unet");

    [Theory, MemberData(nameof(Cases))]
    public void Forward_GivesTheReferencesNumbers_AtEveryModule(string name)
    {
        using var fixture = FixtureCase.Open(name);
        var config = UNetConfig.FromJson(File.ReadAllText(Path.Combine(fixture.UNetFolder, "config.json")));
        using var network = TinyModel.Build(config);
        UNetWeights.Load(network, Path.Combine(fixture.UNetFolder, "diffusion_pytorch_model.safetensors"));
        network.eval();
        Assert.Equal(fixture.Json["model"]!["parameters"]!.GetValue<long>(), network.parameters().Sum(parameter => parameter.numel()));

        using var outputs = new ModuleOutputs(network);
        foreach (var call in fixture.Json["calls"]!.AsArray().Select(call => call!))
        {
            using var scope = NewDisposeScope();
            using var noGradients = no_grad();
            var timesteps = call["timestep"] is { } perImage ? fixture.Tensor(perImage.ToString()) : tensor([(float)call["timestep_scalar"]!.GetValue<double>()]);
            var labels = call["class_labels"] is { } named ? fixture.Tensor(named.ToString()) : null;
            var output = network.call(fixture.Tensor(call["sample"]!.ToString()), timesteps, labels);

            var prefix = $"{call["name"]}.mid.";
            foreach (var expected in call["intermediates"]!.AsArray().Select(intermediate => intermediate!.ToString()))
            {
                var module = expected[prefix.Length..];
                fixture.AssertClose(expected, module == "time_proj" && config.TimeEmbeddingType == "positional"
                    ? SinusoidalFeatures.Of(timesteps, config.BlockOutChannels[0], config)
                    : outputs.Of(module));
            }

            fixture.AssertClose(call["out"]!.ToString(), output);
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Forward_GivesTheReferencesNumbers_AsDrawingCallsIt(string name)
    {
        using var fixture = FixtureCase.Open(name);
        var config = UNetConfig.FromJson(File.ReadAllText(Path.Combine(fixture.UNetFolder, "config.json")));
        var reason = CpuNetwork.WhyNot(config, MatrixType.Float32);
        Assert.SkipWhen(reason is not null, $"Drawn by the plain network: {reason}");
        using var network = TinyModel.Build(config);
        UNetWeights.Load(network, Path.Combine(fixture.UNetFolder, "diffusion_pytorch_model.safetensors"));
        network.eval();
        foreach (var call in fixture.Json["calls"]!.AsArray().Select(call => call!))
        {
            using var scope = NewDisposeScope();
            var sample = fixture.Tensor(call["sample"]!.ToString());
            using var prepared = new CpuNetwork(network, MatrixType.Float32, threads: 2, (int)sample.shape[2], (int)sample.shape[3]);
            var timesteps = call["timestep"] is { } perImage ? fixture.Tensor(perImage.ToString()) : full(sample.shape[0], (float)call["timestep_scalar"]!.GetValue<double>());
            var labels = call["class_labels"] is { } named ? fixture.Tensor(named.ToString()) : null;
            fixture.AssertClose(call["out"]!.ToString(), prepared.Call(sample, timesteps, labels));
        }
    }

    /// <summary>Remembers the latest output of every module, by its path, and the embedding that the blocks receive as "emb".</summary>
    private sealed class ModuleOutputs : IDisposable
    {
        private readonly Dictionary<string, Tensor> _outputs = [];

        public ModuleOutputs(UNet network)
        {
            foreach (var (path, module) in network.named_modules())
                switch (module)
                {
                    case nn.Module<Tensor, Tensor> one:
                        one.register_forward_hook((_, _, output) => Keep(path, output));
                        break;
                    case nn.Module<Tensor, Tensor, Tensor> two:
                        two.register_forward_hook((_, _, _, output) => Keep(path, output));
                        break;
                    case nn.Module<Tensor, Tensor, List<Tensor>, Tensor> three:
                        three.register_forward_hook((_, _, embedding, _, output) =>
                        {
                            Keep("emb", embedding);
                            return Keep(path, output);
                        });
                        break;
                }
        }

        public Tensor Of(string path) => _outputs[path];

        public void Dispose()
        {
            foreach (var output in _outputs.Values)
                output.Dispose();
        }

        private Tensor Keep(string path, Tensor output)
        {
            if (_outputs.Remove(path, out var old))
                old.Dispose();
            _outputs[path] = output.detach().clone().DetachFromDisposeScope();
            return output;
        }
    }
}
