using System.Text.Json.Nodes;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>The network and whole sampling runs beside numbers of the reference implementation, on the device and in the precisions that drawing uses.</summary>
internal static class ParityBench
{
    // Enough calls that a GPU has recorded one and repeats it.
    private const int Calls = 5;

    public static IEnumerable<BenchReport> Measure(BenchOptions options)
    {
        var root = options.Fixtures ?? throw new UserErrorException("bench parity needs --fixtures FOLDER.");
        var found = false;
        foreach (var reference in ReferenceCase.Below(root))
            using (reference)
                foreach (var precision in options.Precisions)
                {
                    var checks = Compare(options, reference, precision);
                    found |= checks.Count > 0;
                    yield return BenchReport.Of([], checks: [.. checks.Select(check => check with { Network = reference.Name, Precision = precision.Name() })]);
                }

        if (!found)
            throw new UserErrorException($"--fixtures: '{root}' holds no case of a network or a pipeline.");
    }

    private static List<Check> Compare(BenchOptions options, ReferenceCase reference, SamplingPrecision precision)
    {
        if (reference.Kind is not ("unet" or "pipeline"))
            return [];
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        using var network = SamplingNetwork.Of(DiffusersFolder.Open(reference.Folder).LoadNetwork(options.Device), options.Device, precision, options.Cuda, options.Threads);
        return reference.Kind == "unet"
            ? [.. reference.Json["calls"]!.AsArray().Select(call => CompareCall(options, reference, call!, network, precision))]
            : [ComparePipeline(options, reference, network, precision)];
    }

    private static Check CompareCall(BenchOptions options, ReferenceCase reference, JsonNode call, SamplingNetwork network, SamplingPrecision precision)
    {
        Tensor Input(string name) => reference.Tensor(call[name]!.ToString()).to(options.Device);
        var sample = Input("sample");
        var timesteps = call["timestep"] is null ? full([1], call["timestep_scalar"]!.GetValue<double>(), dtype: ScalarType.Float32, device: options.Device) : Input("timestep");
        var labels = call["class_labels"] is null ? null : Input("class_labels");
        var output = network.Call(sample, timesteps, labels);
        for (var n = 1; n < Calls; n++)
            output = network.Call(sample, timesteps, labels);
        return Difference($"call {call["name"]}", reference, call["out"]!.ToString(), output, precision, ErrorOfACall);
    }

    private static Check ComparePipeline(BenchOptions options, ReferenceCase reference, SamplingNetwork network, SamplingPrecision precision)
    {
        var (folder, pipeline) = (DiffusersFolder.Open(reference.Folder), reference.Json["pipeline"]!);
        var plan = SamplingPlan.For(folder.Schedule, new SamplerConfig
        {
            Kind = pipeline["scheduler_in_use"]!.ToString() == "DDIMScheduler" ? SamplerKind.Ddim : SamplerKind.Ddpm,
            Steps = pipeline["call"]!["num_inference_steps"]?.GetValue<int>(),
            Eta = pipeline["call"]!["eta"]?.GetValue<double>() ?? 0,
            UseClippedModelOutput = pipeline["call"]!["use_clipped_model_output"]?.GetValue<bool>() ?? false,
        });
        var draws = reference.Tensor("draws"); // [draw, image, channel, height, width], in the order in which they were made
        var (shape, values) = (draws.shape, draws.data<float>().ToArray());
        var perImage = (int)(shape[2] * shape[3] * shape[4]);
        var noisySteps = plan.Steps.Index().Where(pair => pair.Item.Noise != 0).Select(pair => pair.Index + 1).ToList();
        var loop = new DenoisingLoop(network.Call, (int)shape[2], options.Device, (image, step, destination) =>
            values.AsSpan((((step == 0 ? 0 : noisySteps.IndexOf(step) + 1) * (int)shape[1]) + (int)image.Image) * perImage, perImage).CopyTo(destination));
        var images = Enumerable.Range(0, (int)shape[1]).Select(index => new ImageToDraw(plan, 0, (uint)index)).ToList();
        var drawn = loop.Run(images, (int)shape[3], (int)shape[4], afterStep: null, options.CancellationToken);
        return Difference("pictures", reference, "images", ((drawn / 2) + 0.5).clamp(0, 1).permute(0, 2, 3, 1), precision, ErrorOfARun);
    }

    // In float32 the reference's own tolerance counts; in others the mean error, since single values may be far off.
    private static Check Difference(string name, ReferenceCase reference, string expectedName, Tensor got, SamplingPrecision precision, Func<SamplingPrecision, double> limit)
    {
        var expected = reference.Tensor(expectedName).to(ScalarType.Float64);
        var difference = (got.cpu().to(ScalarType.Float64) - expected).abs();
        return precision == SamplingPrecision.Float32
            ? new Check($"{name}: largest error", difference.max().item<double>(), reference.Tolerance(expectedName))
            : new Check($"{name}: mean error, of the mean value", difference.mean().item<double>() / expected.abs().mean().item<double>(), limit(precision));
    }

    // Twice what the CPU's bfloat16 is off by with random weights; an eighth of that for the types with three bits more.
    private static double ErrorOfACall(SamplingPrecision precision) => precision == SamplingPrecision.BFloat16 ? 0.03 : 0.005;

    // Random weights drive the runs of two precisions apart; pictures that have nothing in common are off by 0.8.
    private static double ErrorOfARun(SamplingPrecision precision) => precision == SamplingPrecision.BFloat16 ? 0.25 : 0.05;
}
