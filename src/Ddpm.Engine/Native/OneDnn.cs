using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Native;

/// <summary>The library that libtorch hands its convolutions on the CPU to: whether it computes them rightly on this machine, and what to do where it does not.</summary>
/// <remarks>oneDNN 3.7 (of libtorch 2.10) was seen to give wrong numbers, up to all of an output's size and NaN among them, on processors whose hypervisor hides their topology: where a
/// kernel of 3×3 is rearranged into blocks of 16 channels (8 with AVX2) that it does not fill. Nothing that could be asked of the processor told such machines from others every time,
/// so a few convolutions of these kinds are compared with ATen's own.</remarks>
internal static unsafe class OneDnn
{
    private const float Tolerance = 1e-3f; // of the largest value. Right ones differ by 1e-6, wrong ones by 1e-2 and more.

    // In batches, since ATen computes a small picture alone itself.
    private static readonly (int Count, int In, int Out, int Side, int Stride, int Padding)[] Shapes = [(2, 24, 16, 8, 1, 1), (2, 24, 24, 17, 2, 0), (2, 64, 3, 16, 1, 1)];

    private static readonly Switch? Found = Find();

    /// <summary>Has ATen compute convolutions itself, more slowly, if oneDNN is wrong about them.</summary>
    /// <returns>False if it was wrong.</returns>
    public static bool SwitchOffUnlessRight()
    {
        if (Found is not { } found || IsRight(found))
            return true;
        found.Turn(on: false);
        return false;
    }

    private static bool IsRight(Switch found)
    {
        using var scope = NewDisposeScope();
        var theirs = Compute(found, on: true);
        var atens = Compute(found, on: false);
        found.Turn(on: true);
        return theirs.Zip(atens).All(pair => AreClose(pair.First, pair.Second));
    }

    private static bool AreClose(float[] some, float[] others)
    {
        var largest = others.Max(MathF.Abs);
        return some.Zip(others).All(pair => MathF.Abs(pair.First - pair.Second) <= Tolerance * largest); // false of NaN, too
    }

    private static List<float[]> Compute(Switch found, bool on)
    {
        found.Turn(on);
        List<float[]> results = [];
        foreach (var shape in Shapes)
        {
            using (no_grad())
                results.Add(Values(Forward(Ramp(shape.Count, shape.In, shape.Side, shape.Side), Ramp(shape.Out, shape.In, 3, 3), shape)));

            // As in training: channels last, and both gradients.
            using var gradients = enable_grad();
            var sample = ChannelsLast.Of(Ramp(shape.Count, shape.In, shape.Side, shape.Side)).requires_grad_();
            var weight = ChannelsLast.Of(Ramp(shape.Out, shape.In, 3, 3)).requires_grad_();
            var output = Forward(sample, weight, shape);
            output.backward([ones_like(output)]);
            results.AddRange([Values(output.detach()), Values(sample.grad!), Values(weight.grad!)]);
        }

        return results;
    }

    private static Tensor Forward(Tensor sample, Tensor weight, (int Count, int In, int Out, int Side, int Stride, int Padding) shape)
    {
        Dirty(shape.Count * Full(shape.In) * shape.Side * shape.Side);
        Dirty(shape.Count * Full(shape.Out) * shape.Side * shape.Side);
        Dirty(Full(shape.In) * Full(shape.Out) * 9);
        return nn.functional.conv2d(sample, weight, strides: [shape.Stride, shape.Stride], padding: [shape.Padding, shape.Padding]);
    }

    private static float[] Values(Tensor tensor) => tensor.contiguous().data<float>().ToArray();

    private static int Full(int channels) => (channels + 15) / 16 * 16;

    // What is left in memory that oneDNN is given next shows where it reads what it never wrote; fresh memory holds zeros.
    private static void Dirty(int count)
    {
        var values = new float[count];
        Array.Fill(values, float.NaN);
        for (var n = 0; n < 3; n++)
        {
            using var rubbish = tensor(values);
        }
    }

    // Numbers from -1 to 1 without the generator, whose state is the caller's.
    private static Tensor Ramp(params ReadOnlySpan<long> shape)
    {
        var values = new float[shape[0] * shape[1] * shape[2] * shape[3]];
        for (var n = 0; n < values.Length; n++)
            values[n] = MathF.Sin(n * 1.7f);
        return tensor(values, shape);
    }

    private static Switch? Find() =>
        TorchLibrary.TryGetExport("_ZN2at13globalContextEv", out var context)
        && TorchLibrary.TryGetExport("_ZN2at7Context20setUserEnabledMkldnnEb", out var set)
            ? new Switch(((delegate* unmanaged<nint>)context)(), set) : null;

    /// <summary><c>at::globalContext().setUserEnabledMkldnn</c>; <c>torch.backends.mkldnn.flags</c> in Python.</summary>
    private sealed record Switch(nint Context, nint Set)
    {
        public void Turn(bool on) => ((delegate* unmanaged<nint, byte, void>)Set)(Context, on ? (byte)1 : (byte)0);
    }
}
