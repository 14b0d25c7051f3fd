using System.Text.Json.Nodes;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Fixtures;

[Trait("Category", "fixtures")]
public sealed class TrainFixtureTests
{
    public static IEnumerable<TheoryDataRow<string>> Cases => FixtureCase.OfKind("train");

    [Theory, MemberData(nameof(Cases))]
    public void Steps_GiveTheReferencesGradientsWeightsAndAverages(string name)
    {
        // An optimizer keeps one average; the reference kept two beside the same steps.
        AssertSteps(name, "ema_plain");
        AssertSteps(name, "ema_warmup");
    }

    [Theory, MemberData(nameof(Cases))]
    public void Tables_OfRatesMomentsAndDecaysAreTheReferences(string name)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureCase.Open(name);
        var hyper = fixture.Json["hyper_parameters"]!;
        fixture.AssertClose("table.lr", [.. Enumerable.Range(0, (int)fixture.Tensor("table.lr").shape[0]).Select(step => Rate(hyper, step))]);

        var gradients = fixture.Tensor("table.adamw.grads");
        foreach (var (setting, index) in fixture.Json["adamw_settings"]!.AsArray().Select((setting, index) => (setting!, index)))
        {
            using var parameter = nn.Parameter(fixture.Tensor("table.adamw.start"));
            using var optimizer = new AdamW([("p", parameter)], Settings(setting));
            var trajectory = new List<Tensor>();
            for (var step = 0; step < gradients.shape[0]; step++)
            {
                (parameter * gradients[step]).sum().backward(); // its gradient is exactly the given one
                optimizer.Step(setting["lr"]!.GetValue<double>());
                trajectory.Add(parameter.detach().clone());
            }

            fixture.AssertClose($"table.adamw.{index}", stack(trajectory));
        }

        var counts = fixture.Json["ema_table_steps"]!.AsArray().Select(step => step!.GetValue<long>()).ToList();
        var decays = fixture.Json["ema_table_settings"]!.AsArray().SelectMany(setting => counts.Select(Ema(setting!).DecayAt)).ToArray();
        fixture.AssertClose("table.ema_decay", tensor(decays, ScalarType.Float64).view(-1, counts.Count));
    }

    private static void AssertSteps(string name, string average)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureCase.Open(name);
        var hyper = fixture.Json["hyper_parameters"]!;
        var folder = DiffusersFolder.Open(fixture.Folder);
        using var network = folder.LoadNetwork(CPU);
        using var averaged = folder.LoadNetwork(CPU);
        network.train();
        var averages = averaged.state_dict();
        var parameters = Trainable(network);
        using var optimizer = new AdamW(new MovedTensors(parameters, [.. parameters.Select(parameter => averages[parameter.Name])], null), Settings(hyper));
        var schedule = Ema(hyper[average]!);
        using var forward = new ForwardProcess(NoiseSchedule.From(folder.Schedule), CPU);
        var denoisingLoss = new DenoisingLoss(forward);
        var (x0, noise, timesteps) = (fixture.Tensor("x0"), fixture.Tensor("noise"), fixture.Tensor("timesteps"));
        var (losses, norms, rates, decays) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());

        fixture.AssertClose("step0.noisy", forward.AddNoise(x0[0], noise[0], timesteps[0]));
        for (var step = 0; step < hyper["steps"]!.GetValue<int>(); step++)
        {
            using var loss = denoisingLoss.Compute(network, x0[step], noise[step], timesteps[step]);
            loss.backward();
            if (step == 0)
                foreach (var (parameter, value) in optimizer.Parameters)
                    fixture.AssertClose($"step0.grad.{parameter}", value.grad!);
            losses.Add(loss.item<float>());
            norms.Add(optimizer.ClipGradients(hyper["max_grad_norm"]!.GetValue<double>()));
            rates.Add(Rate(hyper, step));
            decays.Add(schedule.DecayAt(optimizer.StepsTaken + 1));
            optimizer.Step(rates[^1], averageShare: 1 - decays[^1]);
        }

        fixture.AssertClose("loss", losses);
        fixture.AssertClose("grad_norm", norms);
        fixture.AssertClose("lr", rates);
        fixture.AssertClose($"decay_{average}", decays);
        foreach (var (prefix, weights) in new[] { ("final", network.state_dict()), (average, averages) })
            foreach (var (weight, value) in weights)
                fixture.AssertClose($"{prefix}.{weight}", value);
    }

    private static double Rate(JsonNode hyper, int step) => LearningRate.CosineWithWarmup(
        step, hyper["lr"]!.GetValue<double>(), hyper["warmup_steps"]!.GetValue<long>(), hyper["total_steps"]!.GetValue<long>());

    private static List<(string Name, Tensor Value)> Trainable(UNet network) =>
        [.. network.named_parameters().Where(pair => pair.parameter.requires_grad).Select(pair => (pair.name, (Tensor)pair.parameter))];

    private static TrainingConfig Settings(JsonNode settings) => new()
    {
        TotalSteps = 1,
        Beta1 = settings["betas"]![0]!.GetValue<double>(),
        Beta2 = settings["betas"]![1]!.GetValue<double>(),
        AdamEpsilon = settings["eps"]!.GetValue<double>(),
        WeightDecay = settings["weight_decay"]!.GetValue<double>(),
    };

    private static EmaSchedule Ema(JsonNode settings)
    {
        var defaults = new EmaSchedule();
        return new EmaSchedule
        {
            Decay = settings["decay"]!.GetValue<double>(),
            MinDecay = settings["min_decay"]?.GetValue<double>() ?? defaults.MinDecay,
            UpdateAfterStep = settings["update_after_step"]?.GetValue<long>() ?? defaults.UpdateAfterStep,
            UseEmaWarmup = settings["use_ema_warmup"]?.GetValue<bool>() ?? defaults.UseEmaWarmup,
            InvGamma = settings["inv_gamma"]?.GetValue<double>() ?? defaults.InvGamma,
            Power = settings["power"]?.GetValue<double>() ?? defaults.Power,
        };
    }
}
