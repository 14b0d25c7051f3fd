using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Fixtures;

[Trait("Category", "fixtures")]
public sealed class PipelineFixtureTests
{
    public static IEnumerable<TheoryDataRow<string>> Cases => FixtureCase.OfKind("pipeline");

    [Theory, MemberData(nameof(Cases))]
    public void Run_GivesTheReferencesPixels_FromTheReferencesDraws(string name)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureCase.Open(name);
        var folder = DiffusersFolder.Open(fixture.Folder);
        using var network = folder.LoadNetwork(CPU);
        var pipeline = fixture.Json["pipeline"]!;
        var call = pipeline["call"]!;
        var plan = SamplingPlan.For(folder.Schedule, new SamplerConfig
        {
            Kind = SchedulerRun.KindOf(pipeline["scheduler_in_use"]!.ToString(), folder.Schedule),
            ClipSample = SchedulerRun.ClipOf(pipeline["scheduler_in_use"]!.ToString(), folder.Schedule),
            Steps = call["num_inference_steps"]?.GetValue<int>(),
            Eta = call["eta"]?.GetValue<double>() ?? 0,
            UseClippedModelOutput = call["use_clipped_model_output"]?.GetValue<bool>() ?? false,
        });

        var draws = fixture.Tensor("draws");
        var shape = draws.shape; // [draw, image, channel, height, width]
        var perImage = shape[2] * shape[3] * shape[4];
        var values = draws.data<float>().ToArray();
        // The draws stand in the order in which they were made: the start, then one for each step that adds noise.
        var drawOfStep = plan.Steps.Select((step, index) => (step, index)).Where(pair => pair.step.Noise != 0)
            .Select((pair, draw) => (Step: pair.index + 1, Draw: draw + 1)).Append((Step: 0, Draw: 0)).ToDictionary(pair => pair.Step, pair => pair.Draw);
        var loop = new DenoisingLoop(network, CPU, (image, step, destination) =>
            values.AsSpan((int)(((drawOfStep[step] * shape[1]) + image.Image) * perImage), (int)perImage).CopyTo(destination));

        var images = Enumerable.Range(0, (int)shape[1]).Select(index => new ImageToDraw(plan, 0, (uint)index)).ToList();
        var drawn = loop.Run(images, (int)shape[3], (int)shape[4], afterStep: null, CancellationToken.None);

        fixture.AssertClose("images", ((drawn / 2) + 0.5).clamp(0, 1).permute(0, 2, 3, 1));
        var bytes = PixelRange.ToBytes(drawn);
        fixture.AssertClose("images_u8", tensor(bytes.Pixels, [bytes.Count, bytes.Channels, bytes.Height, bytes.Width], dtype: ScalarType.Byte).permute(0, 2, 3, 1));
    }
}
