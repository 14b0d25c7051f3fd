using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Steps;

/// <summary>The rows that the pictures of a batch are at, as one tensor: the gather that lets different samplers share a network call.</summary>
internal sealed class StepWeights
{
    /// <summary>The columns.</summary>
    public static readonly Func<SamplingStep, double>
        OriginalOfSample = row => row.Estimate.OriginalOfSample, OriginalOfOutput = row => row.Estimate.OriginalOfOutput,
        EpsilonOfSample = row => row.Estimate.EpsilonOfSample, EpsilonOfOutput = row => row.Estimate.EpsilonOfOutput,
        Churn = row => row.Churn, Sample = row => row.Sample, Original = row => row.Original, Epsilon = row => row.Epsilon,
        History1 = row => row.History1, History2 = row => row.History2, History3 = row => row.History3, Noise = row => row.Noise,
        KeptSample = row => row.Memory.Sample, KeptOriginal = row => row.Memory.Original, KeptEpsilon = row => row.Memory.Epsilon,
        MinLogVariance = row => row.LogVariance?.Min ?? 0, MaxLogVariance = row => row.LogVariance?.Max ?? 0;

    private static readonly Func<SamplingStep, double>[] Columns =
    [
        OriginalOfSample, OriginalOfOutput, EpsilonOfSample, EpsilonOfOutput, Churn, Sample, Original, Epsilon,
        History1, History2, History3, Noise, KeptSample, KeptOriginal, KeptEpsilon, MinLogVariance, MaxLogVariance,
    ];

    private readonly SamplingStep[] _rows;
    private readonly Tensor _table; // [columns, batch, 1, 1, 1]

    /// <param name="rows">One for each picture of the batch.</param>
    /// <param name="device">Where the batch is. The tensors made here belong to the caller's dispose scope.</param>
    public StepWeights(SamplingStep[] rows, Device device)
    {
        _rows = rows;
        _table = tensor(Columns.SelectMany(column => rows.Select(row => (float)column(row))).ToArray(), [Columns.Length, rows.Length, 1, 1, 1]).Send(device);
    }

    /// <summary>Whether any picture uses a column.</summary>
    public bool Uses(Func<SamplingStep, double> column) => _rows.Any(row => column(row) != 0);

    /// <summary>A column, float32 <c>[batch, 1, 1, 1]</c>.</summary>
    public Tensor Of(Func<SamplingStep, double> column) => _table[Array.IndexOf(Columns, column)];

    /// <summary>The sum of all terms that any picture gives a weight.</summary>
    /// <param name="terms">Column and what it weighs: <c>[batch, channels, height, width]</c>, asked for only where it is used.</param>
    /// <returns>Null where nothing is used.</returns>
    public Tensor? Sum(params ReadOnlySpan<(Func<SamplingStep, double> Column, Func<Tensor> Term)> terms)
    {
        Tensor? sum = null;
        foreach (var (column, term) in terms)
            if (Uses(column))
                sum = sum is null ? Of(column) * term() : sum.Plus(Of(column) * term());
        return sum;
    }
}
