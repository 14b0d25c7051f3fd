using System.Text.Json.Nodes;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Evaluation.Likelihood;
using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Fixtures;

[Trait("Category", "fixtures")]
public sealed class VlbFixtureTests
{
    public static IEnumerable<TheoryDataRow<string>> Cases => FixtureCase.OfKind("vlb");

    [Theory, MemberData(nameof(Cases))]
    public void Bound_GivesTheReferencesTerms_ForEveryVarianceAndClipping(string name)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        using var fixture = FixtureCase.Open(name);
        using var network = NetworkOf(fixture);
        var settings = fixture.Json["settings"]!;
        var tables = new DiffusionTables(Betas(settings));
        var (original, noise) = ((fixture.Tensor("pixels").to(ScalarType.Float64) / 127.5) - 1, fixture.Tensor("noise").to(ScalarType.Float64));
        var prediction = PredictionTypes.Parse(settings["prediction"]!.ToString());
        var anyBound = new VariationalBound(tables, new BoundConfig { Prediction = prediction });
        var prior = anyBound.Prior(original);
        if (fixture.Has("prior"))
            fixture.AssertClose("prior", [.. prior]);
        var steps = Enumerable.Range(0, tables.Timesteps).Select(t => Step(t, original, noise[t], anyBound, network)).ToList();

        var variants = fixture.TensorsUnder("").Where(tensor => tensor.EndsWith(".terms", StringComparison.Ordinal)).Select(tensor => tensor[..^".terms".Length]).ToList();
        Assert.NotEmpty(variants);
        foreach (var variant in variants)
        {
            BoundTerms Terms(NoisedStep step, NormalCdf cdf) => new VariationalBound(tables, Config(variant, cdf, prediction))
                .Terms(original, step.Noise, step.Noised, step.Timesteps, step.Output);
            var terms = steps.Select(step => Terms(step, NormalCdf.Tanh)).ToList();
            fixture.AssertClose($"{variant}.terms", Table([.. terms.Select(term => term.BitsPerDimension)]));
            fixture.AssertClose($"{variant}.total", [.. prior.Select((bits, image) => bits + terms.Sum(term => term.BitsPerDimension[image]))]);
            if (fixture.Has($"{variant}.L0_erf"))
                fixture.AssertClose($"{variant}.L0_erf", [.. Terms(steps[0], NormalCdf.Erf).BitsPerDimension]);
            if (fixture.Has("mse"))
                fixture.AssertClose("mse", Table([.. terms.Select(term => term.MeanSquaredError)]));
        }
    }

    private static NoisedStep Step(int timestep, Tensor original, Tensor noise, VariationalBound bound, UNet network)
    {
        var timesteps = Enumerable.Repeat(timestep, (int)original.shape[0]).ToArray();
        var noised = bound.AddNoise(original, noise, timesteps);
        var output = network.call(noised.to(ScalarType.Float32), tensor([(long)timestep]), null).to(ScalarType.Float64);
        return new NoisedStep(timesteps, noise, noised, output);
    }

    private static UNet NetworkOf(FixtureCase fixture)
    {
        var network = TinyModel.Build(UNetConfig.FromJson(File.ReadAllText(Path.Combine(fixture.UNetFolder, "config.json"))));
        UNetWeights.Load(network, Path.Combine(fixture.UNetFolder, "diffusion_pytorch_model.safetensors"));
        network.eval();
        return network;
    }

    // The reference's betas are float64, unlike those of a scheduler_config.json.
    private static double[] Betas(JsonNode settings)
    {
        var (count, start, end) = (settings["T"]!.GetValue<int>(), settings["beta_start"]?.GetValue<double>() ?? 1e-4, settings["beta_end"]?.GetValue<double>() ?? 0.02);
        double Between(double from, double to, int t) => from + ((to - from) / (count - 1) * t);
        double AlphaBar(double time) => Math.Pow(Math.Cos((time + 0.008) / 1.008 * Math.PI / 2), 2);
        return settings["beta_schedule"]!.ToString().Split(' ')[0] switch
        {
            "linear" => [.. Enumerable.Range(0, count).Select(t => Between(start, end, t))],
            "scaled_linear" => [.. Enumerable.Range(0, count).Select(t => Math.Pow(Between(Math.Sqrt(start), Math.Sqrt(end), t), 2))],
            "cosine" or "squaredcos_cap_v2" => [.. Enumerable.Range(0, count).Select(t => Math.Min(1 - (AlphaBar((t + 1.0) / count) / AlphaBar((double)t / count)), 0.999))],
            var other => throw new NotSupportedException($"There is no schedule {other}."),
        };
    }

    private static BoundConfig Config(string variant, NormalCdf cdf, PredictionType prediction) => new()
    {
        Prediction = prediction,
        Cdf = cdf,
        ClipRange = variant.Split('.')[1] == "clip" ? 1 : null,
        Variance = variant.Split('.')[0] switch
        {
            "fixed_small" => ReverseVariance.FixedSmall,
            "fixed_large" => ReverseVariance.FixedLarge,
            "learned_range" => ReverseVariance.LearnedRange,
            var other => throw new NotSupportedException($"There is no variance {other}."),
        },
    };

    private static Tensor Table(double[][] rows) => stack([.. rows.Select(row => tensor(row, ScalarType.Float64))]);

    private sealed record NoisedStep(int[] Timesteps, Tensor Noise, Tensor Noised, Tensor Output);
}
