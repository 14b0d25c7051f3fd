using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Training;

/// <summary>GroupNorm and the SiLU after it as one operation with a gradient, for training on a CPU. ATen takes twice as many passes over memory, and in channels-last bfloat16 many times as long.</summary>
internal sealed unsafe class GroupNormSilu : autograd.SingleTensorFunction<GroupNormSilu>
{
    private const string Saved = "saved";

    public override string Name => nameof(GroupNormSilu);

    /// <summary>Whether <see cref="Of"/> can take these pictures.</summary>
    public static bool Takes(Tensor x) =>
        x.device_type == DeviceType.CPU && x.dtype is (ScalarType.Float32 or ScalarType.BFloat16) && x.shape[1] % 16 == 0;

    /// <summary>silu(norm(x + shift)), or norm(x + shift).</summary>
    /// <param name="norm">With weight and bias, of the pictures' number type.</param>
    /// <param name="x"><c>[batch, channels, height, width]</c>, of which <see cref="Takes"/> is true. Borrowed.</param>
    /// <param name="shift"><c>[batch, channels]</c>, added to every pixel; null for none. Borrowed.</param>
    /// <param name="activates">Whether SiLU follows.</param>
    /// <returns>Shaped like <paramref name="x"/>, channels last.</returns>
    public static Tensor Of(GroupNorm norm, Tensor x, Tensor? shift, bool activates)
    {
        var settings = new Settings((int)norm.num_groups, norm.eps, activates);
        return shift is null ? apply(settings, ChannelsLast.Of(x), norm.weight!, norm.bias!) : apply(settings, ChannelsLast.Of(x), norm.weight!, norm.bias!, shift);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var settings = (Settings)vars[0];
        Tensor[] inputs = [.. vars[1..].Cast<Tensor>()];
        using var scope = NewDisposeScope();
        var x = inputs[0];
        var shape = new GroupNormShape((int)x.shape[0], checked((int)(x.shape[2] * x.shape[3])), (int)x.shape[1], settings.Groups, settings.Epsilon, settings.Activates);
        var statistics = new Statistics(shape, new double[shape.Batch * shape.Channels], new double[2 * shape.Batch * shape.Groups]);
        var (weight, bias, shift) = Wide(inputs);
        var y = ChannelsLast.Empty(x);
        if (x.dtype == ScalarType.BFloat16)
            GroupNormKernel<NarrowElement>.Forward(shape, Pixels(x), Numbers(shift), Numbers(weight), Numbers(bias), Pixels(y), statistics.Sums, statistics.Moments);
        else
            GroupNormKernel<WideElement>.Forward(shape, Pixels(x), Numbers(shift), Numbers(weight), Numbers(bias), Pixels(y), statistics.Sums, statistics.Moments);
        ctx.save_data(Saved, statistics);
        ctx.save_for_backward([.. inputs]);
        return y.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (shape, sums, moments) = (Statistics)ctx.get_data(Saved);
        Tensor[] inputs = [.. ctx.get_saved_variables()];
        var (x, dy) = (inputs[0], ChannelsLast.Of(grad_output));
        var (weight, bias, shift) = Wide(inputs);
        var dx = ChannelsLast.Empty(x);
        var (dshift, dweight, dbias) = (new float[shift is null ? 0 : shape.Batch * shape.Channels], new float[shape.Channels], new float[shape.Channels]);
        if (x.dtype == ScalarType.BFloat16)
            GroupNormKernel<NarrowElement>.Backward(
                shape, Pixels(x), Numbers(shift), Numbers(weight), Numbers(bias), sums, moments, Pixels(dy), Pixels(dx), dshift, dweight, dbias);
        else
            GroupNormKernel<WideElement>.Backward(
                shape, Pixels(x), Numbers(shift), Numbers(weight), Numbers(bias), sums, moments, Pixels(dy), Pixels(dx), dshift, dweight, dbias);
        var gradients = new List<Tensor> { null!, dx.MoveToOuterDisposeScope(), Gradient(dweight, inputs[1]), Gradient(dbias, inputs[2]) }; // none for the settings
        if (shift is not null)
            gradients.Add(Gradient(dshift, inputs[3]));
        GC.KeepAlive(grad_output); // where it lies as wanted it is read in place
        return gradients;
    }

    private static Tensor Gradient(float[] values, Tensor of) => tensor(values, of.shape).to(of.dtype).MoveToOuterDisposeScope();

    private static (Tensor Weight, Tensor Bias, Tensor? Shift) Wide(Tensor[] inputs) =>
        (Widened(inputs[1]), Widened(inputs[2]), inputs.Length > 3 ? Widened(inputs[3]) : null);

    private static Tensor Widened(Tensor tensor) => tensor.detach().to(ScalarType.Float32).contiguous();

    private static float* Numbers(Tensor? tensor) => tensor is null ? null : (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes)); // libtorch's memory, which does not move

    private static void* Pixels(Tensor channelsLast)
    {
        using var contiguous = channelsLast.detach().permute(0, 2, 3, 1);
        return Unsafe.AsPointer(ref MemoryMarshal.GetReference(contiguous.bytes));
    }

    private sealed record Settings(int Groups, double Epsilon, bool Activates);

    private sealed record Statistics(GroupNormShape Shape, double[] Sums, double[] Moments);
}
