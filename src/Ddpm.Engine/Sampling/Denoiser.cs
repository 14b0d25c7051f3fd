using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>What a network does, as the loop sees it.</summary>
/// <param name="sample">x_t, float32 <c>[batch, channels, height, width]</c>. Borrowed.</param>
/// <param name="timesteps">float32 <c>[batch]</c>. Borrowed.</param>
/// <param name="classLabels">int64 <c>[batch]</c>; null where the network knows no classes. Borrowed.</param>
/// <returns><c>[batch, channels or twice as many, height, width]</c>: with twice as many the second half says the variance.</returns>
public delegate Tensor Denoiser(Tensor sample, Tensor timesteps, Tensor? classLabels);

/// <summary>Asks a network about a batch, and where a picture is guided, twice: with its class and without.</summary>
/// <param name="network">Asked. Borrowed.</param>
/// <param name="nullClass">The label that stands for no class; null where the network was not trained without classes too.</param>
internal sealed class GuidedDenoiser(Denoiser network, int? nullClass)
{
    /// <summary>Classifier-free guidance. Ho &amp; Salimans 2022, eq. 6, written with s = 1 + w: m = m(no class) + s·(m(class) − m(no class)).</summary>
    /// <param name="x"><c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <param name="timesteps"><c>[batch]</c>. Borrowed.</param>
    /// <param name="images">The pictures, which know their classes and s.</param>
    public Tensor Call(Tensor x, Tensor timesteps, IReadOnlyList<ImageToDraw> images)
    {
        var labels = images.Select(image => (long?)image.ClassLabel ?? nullClass).ToArray();
        if (labels.All(label => label is null))
            return network(x, timesteps, null);
        var guided = Enumerable.Range(0, images.Count).Where(index => images[index].GuidanceScale != 1 && images[index].ClassLabel is not null).Select(index => (long)index).ToArray();
        var given = labels.Select(label => label ?? throw new SamplingException("Some pictures have a class and some have none, which this model cannot draw.")).ToArray();
        if (guided.Length == 0)
            return network(x, timesteps, tensor(given).Send(x.device));
        if (nullClass is not { } none)
            throw new SamplingException("The model was not trained without classes too, so it cannot be guided: guidanceScale must be 1.");

        var rows = tensor(guided).Send(x.device);
        var both = network(
            cat([x, x.index_select(0, rows)]),
            cat([timesteps, timesteps.index_select(0, rows)]),
            tensor(given.Concat(guided.Select(_ => (long)none)).ToArray()).Send(x.device));
        var output = both.narrow(0, 0, images.Count);
        var without = both.narrow(0, images.Count, guided.Length);
        var with = output.index_select(0, rows);
        var scale = tensor(guided.Select(index => (float)images[(int)index].GuidanceScale).ToArray()).Send(x.device).view(-1, 1, 1, 1);
        var mixed = without + (scale * (with - without));
        if (mixed.shape[1] > x.shape[1]) // what says the variance is not guided
            mixed = cat([mixed.narrow(1, 0, x.shape[1]), with.narrow(1, x.shape[1], mixed.shape[1] - x.shape[1])], dim: 1);
        return output.index_copy(0, rows, mixed);
    }
}
