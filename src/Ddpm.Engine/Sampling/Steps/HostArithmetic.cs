namespace Ddpm.Engine.Sampling.Steps;

/// <summary>The equations of <see cref="SamplingStep"/> for one picture, in the host's memory. On a CPU the dozens of tensor operations that they are cost more
/// than a small network does.</summary>
/// <param name="elements">Floats of a picture.</param>
internal sealed class HostArithmetic(int elements)
{
    private readonly float[] _noise = new float[elements];
    private readonly float[] _original = new float[elements];
    private readonly float[] _epsilon = new float[elements];
    private readonly float[] _known = new float[elements];
    private float[] _next = new float[elements];

    /// <summary>Takes a picture a step onward.</summary>
    /// <param name="image">Its x and its memory are replaced.</param>
    /// <param name="answer">The network's: m, and where the variance is learned as many floats more.</param>
    /// <param name="fillNoise">Fills z of this step.</param>
    public void Step(RunningImage image, ReadOnlySpan<float> answer, Action<RunningImage, Span<float>> fillNoise)
    {
        var row = image.Row;
        var output = answer[..elements];
        var x = image.Sample!;
        if (row.Noise != 0 || row.Churn != 0)
            fillNoise(image, _noise);
        if (row.Churn != 0)
            SpanMath.AddScaled((float)row.Churn, _noise, x);

        var original = new WeightedSum(_original);
        original.Add(row.Estimate.OriginalOfSample, x);
        original.Add(row.Estimate.OriginalOfOutput, output);
        OriginalBounds.Apply(_original, image.Image.Plan.Bound);
        if (row.Epsilon != 0 || row.Memory.Epsilon != 0)
        {
            var epsilon = new WeightedSum(_epsilon);
            epsilon.Add(row.Estimate.EpsilonOfSample, x);
            epsilon.Add(row.Estimate.EpsilonOfOutput, output);
        }

        var next = new WeightedSum(_next);
        next.Add(row.Original, _original);
        next.Add(row.Sample, x);
        next.Add(row.Epsilon, _epsilon);
        next.Add(row.History1, image.History[0]);
        next.Add(row.History2, image.History[1]);
        next.Add(row.History3, image.History[2]);
        if (row.Noise != 0)
        {
            if (row.LogVariance is { } range)
                LearnedVariance.Scale(answer[elements..], range, _noise);
            next.Add(row.Noise, _noise);
        }

        if (image.Remembers)
            Keep(image, row.Memory, x);
        image.Image.Known?.PutInto(_next, _known, image.Image, image.Step);
        if (image.Watch is { } watch && watch.Wants(image.Step))
            watch.See(image.Step, image.Index, _next, _original);
        (image.Sample, _next) = (_next, x);
        image.Step++;
    }

    private void Keep(RunningImage image, Blend memory, float[] x)
    {
        var kept = image.History[2] ?? new float[elements];
        (image.History[2], image.History[1]) = (image.History[1], image.History[0]);
        var sum = new WeightedSum(kept);
        sum.Add(memory.Sample, x);
        sum.Add(memory.Original, _original);
        sum.Add(memory.Epsilon, _epsilon);
        image.History[0] = kept;
    }

    // Terms of weight 0 are left out: they may be missing, or infinite.
    private ref struct WeightedSum(Span<float> destination)
    {
        private readonly Span<float> _destination = destination;
        private bool _begun;

        public void Add(double weight, ReadOnlySpan<float> term)
        {
            if (weight == 0)
                return;
            if (_begun)
                SpanMath.AddScaled((float)weight, term, _destination);
            else
                SpanMath.Scale((float)weight, term, _destination);
            _begun = true;
        }
    }
}
