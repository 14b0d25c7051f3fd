using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Steps;

/// <summary>Steps on a GPU: x and what steps keep stay there, and a call gathers the pictures that it moves.</summary>
internal sealed class DeviceStepper(StepNetwork network, int height, int width, NoiseSource? noise = null) : Stepper(network, height, width, noise)
{
    private readonly DeviceImages _images = new(network.Device, [network.Channels, height, width]);

    public override void Advance(IReadOnlyList<RunningImage> images)
    {
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        Begin(images);
        var slots = tensor(images.Select(image => (long)image.Slot).ToArray()).Send(Network.Device);
        var rows = images.Select(image => image.Row).ToArray();
        var weights = new StepWeights(rows, Network.Device);
        var x = _images.Sample(slots);
        var answer = Ask(x, rows, images);
        // Only now, so that the host makes noise while the device works.
        var z = weights.Uses(StepWeights.Noise) || weights.Uses(StepWeights.Churn) ? Noise(images) : null;
        var output = answer.shape[1] == Network.Channels ? answer : answer.narrow(1, 0, Network.Channels);
        if (weights.Uses(StepWeights.Churn))
            x = x.Plus(weights.Of(StepWeights.Churn) * z!);

        var original = weights.Sum((StepWeights.OriginalOfSample, () => x), (StepWeights.OriginalOfOutput, () => output))!;
        original = OriginalBounds.Apply(original, [.. images.Select(image => image.Image.Plan.Bound)]);
        Tensor Epsilon() => weights.Sum((StepWeights.EpsilonOfSample, () => x), (StepWeights.EpsilonOfOutput, () => output))!;

        var next = weights.Sum(
            (StepWeights.Original, () => original),
            (StepWeights.Sample, () => x),
            (StepWeights.Epsilon, Epsilon),
            (StepWeights.History1, () => _images.History(0, slots)),
            (StepWeights.History2, () => _images.History(1, slots)),
            (StepWeights.History3, () => _images.History(2, slots)),
            (StepWeights.Noise, () => z! * LearnedDeviation(weights, answer)))!;
        next = KnownRegion.PutInto(next, images);
        Show(next, original, images);
        _images.Put(slots, next, images.Any(image => image.Remembers)
            ? weights.Sum((StepWeights.KeptSample, () => x), (StepWeights.KeptOriginal, () => original), (StepWeights.KeptEpsilon, Epsilon)) ?? zeros_like(x)
            : null);
        // A call is done when this returns: who measures it, or cancels after it, must not be a queue of calls behind.
        if (Network.Device.type == TorchSharp.DeviceType.CUDA)
            cuda.synchronize(Network.Device);
        foreach (var image in images)
            image.Step++;
    }

    public override void Take(RunningImage image, Span<float> sample)
    {
        if (image.Slot < 0)
        {
            FillStart(image.Image, sample);
            return;
        }

        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        _images.Sample(tensor([(long)image.Slot]).Send(Network.Device)).cpu().data<float>().CopyTo(sample);
        Drop(image);
    }

    public override void Drop(RunningImage image)
    {
        if (image.Slot >= 0)
            _images.Free(image.Slot);
        image.Slot = -1;
    }

    public override void Dispose() => _images.Dispose();

    private void Begin(IReadOnlyList<RunningImage> images)
    {
        var fresh = images.Where(image => image.Slot < 0).ToList();
        if (fresh.Count == 0)
            return;
        var start = Values(fresh, (image, destination) => FillStart(image.Image, destination));
        var slots = _images.Begin(start);
        for (var index = 0; index < fresh.Count; index++)
            fresh[index].Slot = slots[index];
    }

    // Classifier-free guidance. Ho & Salimans 2022, eq. 6, written with s = 1 + w: m = m(no class) + s·(m(class) − m(no class)).
    private Tensor Ask(Tensor x, SamplingStep[] rows, IReadOnlyList<RunningImage> images)
    {
        var timesteps = tensor(rows.Select(row => (float)row.Timestep).ToArray()).Send(x.device);
        var guided = Enumerable.Range(0, images.Count).Where(index => images[index].IsGuided).Select(index => (long)index).ToArray();
        var labels = Labels(images);
        if (guided.Length == 0)
            return Ask(x, timesteps, labels);

        var none = NullClass();
        var places = tensor(guided).Send(x.device);
        var both = Ask(
            cat([x, x.index_select(0, places)]),
            cat([timesteps, timesteps.index_select(0, places)]),
            [.. labels!, .. guided.Select(_ => (long)none)]);
        var output = both.narrow(0, 0, images.Count);
        var without = both.narrow(0, images.Count, guided.Length);
        var with = output.index_select(0, places);
        var scale = tensor(guided.Select(index => (float)images[(int)index].Image.GuidanceScale).ToArray()).Send(x.device).view(-1, 1, 1, 1);
        var mixed = without.Plus(scale * (with - without));
        if (mixed.shape[1] > x.shape[1]) // what says the variance is not guided
            mixed = cat([mixed.narrow(1, 0, x.shape[1]), with.narrow(1, x.shape[1], mixed.shape[1] - x.shape[1])], dim: 1);
        return output.index_copy(0, places, mixed);
    }

    // As LearnedVariance, on tensors. 1 where nothing was learned.
    private Tensor LearnedDeviation(StepWeights weights, Tensor answer)
    {
        if (!weights.Uses(StepWeights.MinLogVariance) && !weights.Uses(StepWeights.MaxLogVariance))
            return ones(1, device: Network.Device);
        var share = answer.narrow(1, Network.Channels, Network.Channels).Plus(1).Over(2);
        var logVariance = (share * weights.Of(StepWeights.MaxLogVariance)).Plus(share.From(1) * weights.Of(StepWeights.MinLogVariance));
        return logVariance.Times(0.5).exp();
    }

    private static void Show(Tensor next, Tensor original, IReadOnlyList<RunningImage> images)
    {
        for (var slot = 0; slot < images.Count; slot++)
            if (images[slot] is { Watch: { } watch } image && watch.Wants(image.Step))
                watch.See(image.Step, image.Index, next[slot].cpu().data<float>().ToArray(), original[slot].cpu().data<float>().ToArray());
    }

    private Tensor Noise(IReadOnlyList<RunningImage> images) => Values(images, FillNoise);

    private Tensor Values(IReadOnlyList<RunningImage> images, Action<RunningImage, Span<float>> fill)
    {
        var values = new float[Elements * images.Count];
        Parallel.For(0, images.Count, slot => fill(images[slot], values.AsSpan(slot * Elements, Elements)));
        return tensor(values, [images.Count, Network.Channels, Height, Width]).Send(Network.Device);
    }
}
