using System.Text.Json.Nodes;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Fixtures;

[Trait("Category", "fixtures")]
public sealed class SchedulerFixtureTests
{
    public static IEnumerable<TheoryDataRow<string, string>> Runs =>
        FixtureCase.OfKind("scheduler").SelectMany(row => row.Skip is { } reason
            ? [new TheoryDataRow<string, string>(row.Data, "") { Skip = reason }]
            : RunNames(row.Data).Select(run => new TheoryDataRow<string, string>(row.Data, run)));

    public static IEnumerable<TheoryDataRow<string>> CasesWithTables
    {
        get
        {
            var cases = FixtureCase.OfKind("scheduler").Where(row => row.Skip is null && HasTables(row.Data)).ToList();
            return cases.Count > 0 ? cases : [new TheoryDataRow<string>("none") { Skip = "No case of the kind scheduler holds tables." }];
        }
    }

    [Theory, MemberData(nameof(Runs))]
    public void Run_GoesThroughTheReferencesNumbers(string caseName, string runName)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureCase.Open(caseName);
        var run = new SchedulerRun(fixture.Json["runs"]!.AsArray().Single(entry => entry!["name"]!.ToString() == runName)!, fixture.Folder);
        var plan = SamplingPlan.For(run.Schedule, run.Sampler);
        fixture.AssertClose($"{run.Name}.timesteps", plan.Steps.Select(step => step.Timestep).ToList());
        var levels = AssertLevels(fixture, run, plan);

        var start = fixture.Tensor("x_T");
        var (pictures, perPicture) = ((int)start.shape[0], (int)(start.numel() / start.shape[0]));
        var (starts, noises) = (start.data<float>().ToArray(), fixture.Tensor("noise").data<float>().ToArray());
        var loop = new DenoisingLoop(PseudoModel(fixture.Json["pseudo_model"]!, run.Schedule), (int)start.shape[1], CPU, (image, step, destination) =>
            (step == 0 ? starts.AsSpan((int)image.Image * perPicture, perPicture) : noises.AsSpan((((step - 1) * pictures) + (int)image.Image) * perPicture, perPicture))
                .CopyTo(destination));

        var (samples, originals) = (new List<float>(), new List<float>());
        var images = Enumerable.Range(0, pictures).Select(index => new ImageToDraw(plan, 0, (uint)index)).ToList();
        var final = loop.Run(images, (int)start.shape[2], (int)start.shape[3], afterStep: null, CancellationToken.None, (step, _, sample, original) =>
        {
            if (!run.StoredSteps.Contains(step))
                return;
            foreach (var value in sample)
                samples.Add((float)(value * levels[step + 1]));
            originals.AddRange(original);
        });

        fixture.AssertClose($"{run.Name}.samples", tensor(samples.ToArray()).view([-1, .. start.shape]));
        fixture.AssertClose($"{run.Name}.final", final * levels[plan.Steps.Count]);
        if (fixture.Has($"{run.Name}.x0"))
            fixture.AssertClose($"{run.Name}.x0", tensor(originals.ToArray()).view([-1, .. start.shape]));
    }

    [Theory, MemberData(nameof(CasesWithTables))]
    public void Tables_AreTheReferences(string caseName)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureCase.Open(caseName);
        foreach (var table in fixture.Json["tables"]!.AsArray().Select(table => table!))
        {
            var prefix = $"table.{table["beta_schedule"]}";
            var config = NoiseScheduleConfig.FromJson(File.ReadAllText(Path.Combine(fixture.Folder, table["config"]!.ToString())));
            var schedule = NoiseSchedule.From(config);
            fixture.AssertClose($"{prefix}.betas", schedule.Betas.ToList());
            fixture.AssertClose($"{prefix}.alphas_cumprod", schedule.AlphasCumprod.ToList());
            var (x0, noise, timesteps) = (fixture.Tensor("add_noise.x0"), fixture.Tensor("add_noise.noise"), fixture.Tensor("add_noise.timesteps"));
            using var forward = new ForwardProcess(schedule, CPU);
            fixture.AssertClose($"{prefix}.add_noise", forward.AddNoise(x0, noise, timesteps));
            fixture.AssertClose($"{prefix}.velocity", forward.Velocity(x0, noise, timesteps));
            foreach (var variance in fixture.TensorsUnder($"{prefix}.variance.").Select(name => name[$"{prefix}.variance.".Length..]).ToList())
            {
                var plan = SamplingPlan.For(config with { VarianceType = variance }, new SamplerConfig { Kind = SamplerKind.Ddpm, Timesteps = [.. Enumerable.Range(0, config.Timesteps).Reverse()] });
                // The table is by timestep, and its entry 0 is never used: nothing is added there.
                var deviations = plan.Steps.Reverse().Select(step => step.Noise).ToList();
                Assert.Equal(0, deviations[0]);
                fixture.AssertClose(
                    $"{prefix}.variance.{variance}", [.. deviations.Select(deviation => variance == "fixed_small_log" ? deviation : deviation * deviation)], from: 1);
            }
        }
    }

    // √(σ² + 1) at each level where the reference's x explodes, otherwise 1.
    private static double[] AssertLevels(FixtureCase fixture, SchedulerRun run, SamplingPlan plan)
    {
        double[] ones = [.. Enumerable.Repeat(1.0, plan.Steps.Count + 1)];
        if (!fixture.Has($"{run.Name}.sigmas"))
            return ones;
        var sigmas = SigmaLadder.For(run.Schedule, run.Sampler).Sigmas;
        double[] levels = run.Sampler.KindFor(run.Schedule) == SamplerKind.Heun
            ? [sigmas[0], .. sigmas.Skip(1).SkipLast(1).SelectMany(sigma => new[] { sigma, sigma }), sigmas[^1]]
            : [.. sigmas];
        fixture.AssertClose($"{run.Name}.sigmas", levels.ToList());
        if (!run.ExplodesVariance)
            return ones;
        double[] scales = [.. levels.Select(sigma => Math.Sqrt((sigma * sigma) + 1))];
        if (fixture.Has($"{run.Name}.init_noise_sigma"))
        {
            using var first = tensor(plan.InitialScale * scales[0], ScalarType.Float64);
            fixture.AssertClose($"{run.Name}.init_noise_sigma", first);
        }

        return scales;
    }

    // Not a network, but a formula that any implementation evaluates alike.
    private static Denoiser PseudoModel(JsonNode model, NoiseScheduleConfig schedule)
    {
        var (a, b, c, a2, b2) = (Number("a"), Number("b"), Number("c"), Number("a2"), Number("b2"));
        return (sample, timesteps, _) =>
        {
            var time = timesteps.to(ScalarType.Float64).view(-1, 1, 1, 1) / c;
            var mean = (a * sample) + (b * time.sin()).to(ScalarType.Float32);
            return schedule.VarianceType == "learned_range" ? cat([mean, (a2 * sample) + (b2 * time.cos()).to(ScalarType.Float32)], dim: 1) : mean;
        };

        double Number(string key) => model[key]!.GetValue<double>();
    }

    private static IEnumerable<string> RunNames(string caseName)
    {
        using var fixture = FixtureCase.Open(caseName);
        return [.. fixture.Json["runs"]!.AsArray().Select(run => run!["name"]!.ToString())];
    }

    private static bool HasTables(string caseName)
    {
        using var fixture = FixtureCase.Open(caseName);
        return fixture.Json["tables"] is not null;
    }
}
