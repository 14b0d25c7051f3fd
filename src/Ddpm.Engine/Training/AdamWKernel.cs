using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ddpm.Engine.Training;

/// <summary>The numbers of one step of AdamW that are the same for every weight.</summary>
/// <param name="Decay">1 − rate · weight decay.</param>
/// <param name="FirstShare">1 − β₁.</param>
/// <param name="Beta2">β₂.</param>
/// <param name="SecondShare">1 − β₂.</param>
/// <param name="SecondCorrection">√(1 − β₂ˢ).</param>
/// <param name="Epsilon">ε.</param>
/// <param name="Rate">−rate / (1 − β₁ˢ).</param>
/// <param name="GradientFactor">What gradients are multiplied by: 1, or less where they are clipped.</param>
/// <param name="AverageShare">1 − decay of the average of the weights.</param>
internal readonly record struct AdamWNumbers(
    float Decay, float FirstShare, float Beta2, float SecondShare, float SecondCorrection, float Epsilon, float Rate, float GradientFactor, float AverageShare);

/// <summary>Where a run of weights lies, with all that a step reads and writes of it. In the memory of the CPU, of one length.</summary>
internal readonly unsafe struct WeightRun
{
    public float* Weight { get; init; }

    public float* FirstMoment { get; init; }

    public float* SecondMoment { get; init; }

    /// <summary>float32, or bfloat16 where <see cref="GradientIsNarrow"/>.</summary>
    public void* Gradient { get; init; }

    public bool GradientIsNarrow { get; init; }

    /// <summary>The average of the weights; null for none.</summary>
    public float* Average { get; init; }

    /// <summary>Receives the weights in bfloat16; null for nothing.</summary>
    public ushort* Copy { get; init; }

    public int Count { get; init; }
}

/// <summary>AdamW, the average of the weights and their rounding to bfloat16 in one pass over memory, which is all that such a step costs.</summary>
/// <remarks>The order of operations is torch's (<c>torch.optim.AdamW</c>, <c>Tensor.lerp_</c>), without fused multiplications, so that vectors and the
/// scalars at the end of a run round alike: a weight's new value does not depend on where it lies.</remarks>
internal static unsafe class AdamWKernel
{
    public static void Move(in WeightRun run, in AdamWNumbers numbers)
    {
        var index = 0;
        for (; index <= run.Count - Vector512<float>.Count; index += Vector512<float>.Count)
            MoveVector(run, numbers, index);
        for (; index < run.Count; index++)
            MoveScalar(run, numbers, index);
    }

    /// <summary>The sum of squares of a run of gradients.</summary>
    /// <param name="gradient">float32, or bfloat16.</param>
    /// <param name="narrow">Which of the two.</param>
    /// <param name="count">Numbers; few enough for a sum in float32.</param>
    public static double SquareSum(void* gradient, bool narrow, int count)
    {
        var (first, second) = (Vector512<float>.Zero, Vector512<float>.Zero); // two, or additions would wait for each other
        var index = 0;
        for (; index <= count - (2 * Vector512<float>.Count); index += 2 * Vector512<float>.Count)
        {
            var one = Gradient(gradient, narrow, index);
            var other = Gradient(gradient, narrow, index + Vector512<float>.Count);
            first += one * one;
            second += other * other;
        }

        double sum = Vector512.Sum(first + second);
        for (; index < count; index++)
        {
            var one = narrow ? Bfloat16.Widen(((ushort*)gradient)[index]) : ((float*)gradient)[index];
            sum += one * one;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Gradient(void* gradient, bool narrow, int index) =>
        narrow ? Bfloat16.Widen(Vector256.Load((ushort*)gradient + index)) : Vector512.Load((float*)gradient + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MoveVector(in WeightRun run, in AdamWNumbers numbers, int index)
    {
        var gradient = Gradient(run.Gradient, run.GradientIsNarrow, index) * numbers.GradientFactor;
        var m = Vector512.Load(run.FirstMoment + index);
        m += (gradient - m) * numbers.FirstShare;
        m.Store(run.FirstMoment + index);
        var v = (Vector512.Load(run.SecondMoment + index) * numbers.Beta2) + (gradient * numbers.SecondShare * gradient);
        v.Store(run.SecondMoment + index);
        var denominator = (Vector512.Sqrt(v) / numbers.SecondCorrection) + Vector512.Create(numbers.Epsilon);
        var weight = (Vector512.Load(run.Weight + index) * numbers.Decay) + (m * numbers.Rate / denominator);
        weight.Store(run.Weight + index);
        if (run.Average is not null)
        {
            var average = Vector512.Load(run.Average + index);
            var way = weight - average;
            (numbers.AverageShare < 0.5f ? average + (way * numbers.AverageShare) : weight - (way * (1 - numbers.AverageShare))).Store(run.Average + index);
        }

        if (run.Copy is not null)
            Bfloat16.Round(weight).Store(run.Copy + index);
    }

    private static void MoveScalar(in WeightRun run, in AdamWNumbers numbers, int index)
    {
        var gradient = (run.GradientIsNarrow ? Bfloat16.Widen(((ushort*)run.Gradient)[index]) : ((float*)run.Gradient)[index]) * numbers.GradientFactor;
        ref var m = ref run.FirstMoment[index];
        m += (gradient - m) * numbers.FirstShare;
        ref var v = ref run.SecondMoment[index];
        v = (v * numbers.Beta2) + (gradient * numbers.SecondShare * gradient);
        var denominator = (MathF.Sqrt(v) / numbers.SecondCorrection) + numbers.Epsilon;
        var weight = (run.Weight[index] * numbers.Decay) + (m * numbers.Rate / denominator);
        run.Weight[index] = weight;
        if (run.Average is not null)
        {
            var way = weight - run.Average[index];
            run.Average[index] = numbers.AverageShare < 0.5f ? run.Average[index] + (way * numbers.AverageShare) : weight - (way * (1 - numbers.AverageShare));
        }

        if (run.Copy is not null)
            run.Copy[index] = Bfloat16.Round(weight);
    }
}
