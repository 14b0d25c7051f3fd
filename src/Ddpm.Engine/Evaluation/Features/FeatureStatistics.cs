using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Features;

/// <summary>Mean and covariance of features, gathered batch by batch in float64, and the first of the features themselves.</summary>
public sealed class FeatureStatistics : IDisposable
{
    /// <summary>Features that are kept at most: comparing each with each takes time by their square.</summary>
    public const int MostKept = 10_000;

    private readonly List<Tensor> _kept = [];
    private Tensor? _mean; // [dimensions]
    private Tensor? _scatter; // Σ(x − mean)(x − mean)ᵀ, [dimensions, dimensions]

    /// <summary>How many were added.</summary>
    public long Count { get; private set; }

    /// <summary>Length of a feature; 0 before the first.</summary>
    public long Dimensions => _mean?.shape[0] ?? 0;

    /// <summary>float64 <c>[dimensions]</c>. Borrowed.</summary>
    public Tensor Mean => _mean ?? throw new InvalidOperationException("There are no features yet.");

    /// <summary>Divided by n − 1, float64 <c>[dimensions, dimensions]</c>; the caller disposes it.</summary>
    /// <exception cref="InvalidOperationException">There are fewer than two features.</exception>
    public Tensor Covariance() => Count > 1 ? _scatter!.Over(Count - 1) : throw new InvalidOperationException("A covariance needs at least 2 features.");

    /// <summary>The first features, at most <see cref="MostKept"/>: float64 <c>[kept, dimensions]</c>; the caller disposes it.</summary>
    public Tensor Kept()
    {
        using var scope = NewDisposeScope();
        return cat(_kept).to(ScalarType.Float64).MoveToOuterDisposeScope();
    }

    /// <summary>Adds features. Chan, Golub &amp; LeVeque 1979: batches are joined by their own means, so nothing large is subtracted from anything large.</summary>
    /// <param name="features">float64 <c>[pictures, dimensions]</c>. Borrowed.</param>
    public void Add(Tensor features)
    {
        using var scope = NewDisposeScope();
        var count = features.shape[0];
        var mean = features.mean([0]);
        var centred = features - mean;
        var scatter = centred.t().matmul(centred);
        var total = Count + count;
        if (_mean is not null)
        {
            var step = mean - _mean;
            scatter = _scatter!.Plus(scatter).Plus(step.outer(step).Times((double)Count * count / total));
            mean = _mean.Plus(step.Times((double)count / total));
        }

        Replace(ref _mean, mean);
        Replace(ref _scatter, scatter);
        if (Count < MostKept)
            _kept.Add(features[..(int)Math.Min(count, MostKept - Count)].to(ScalarType.Float32).DetachFromDisposeScope());
        Count = total;
    }

    /// <summary>As tensors with names, to be written to a file. Borrowed but for <c>kept</c>, which the caller disposes.</summary>
    internal Dictionary<string, Tensor> ToTensors() => new()
    {
        ["mean"] = Mean,
        ["scatter"] = _scatter!,
        ["kept"] = cat(_kept),
        ["count"] = tensor(Count),
    };

    /// <summary>What <see cref="ToTensors"/> gave.</summary>
    /// <param name="read">Reads a tensor by its name; it becomes this object's.</param>
    internal static FeatureStatistics From(Func<string, Tensor> read)
    {
        using var scope = NewDisposeScope();
        var statistics = new FeatureStatistics { _mean = read("mean").DetachFromDisposeScope(), _scatter = read("scatter").DetachFromDisposeScope(), Count = read("count").item<long>() };
        statistics._kept.Add(read("kept").DetachFromDisposeScope());
        return statistics;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _mean?.Dispose();
        _scatter?.Dispose();
        _kept.ForEach(features => features.Dispose());
    }

    private static void Replace(ref Tensor? field, Tensor value)
    {
        field?.Dispose();
        field = value.DetachFromDisposeScope();
    }
}
