namespace Ddpm.Engine.Sampling.Shared;

/// <summary>What a network call of so many rows costs: a guess, which every call corrects.</summary>
/// <param name="guess">Cost by rows, from 1 on, in any unit; growing. Only ratios count.</param>
internal sealed class CallCosts(Func<int, double> guess)
{
    /// <summary>Most rows of a call.</summary>
    public const int MostRows = 64;

    // A throughput this close to the best is as good: smaller calls keep newcomers waiting for less.
    private const double GoodEnough = 0.97;

    // Seconds: nobody minds to wait for a call so short, however little a larger one brings.
    private const double SoonOver = 0.012;

    // Disturbances only ever make a call longer, so a shorter one says more.
    private const double TrustInShorter = 0.5;
    private const double TrustInLonger = 0.1;

    private readonly double?[] _measured = new double?[MostRows + 1];
    private readonly double[] _costs = [.. Enumerable.Range(0, MostRows + 1).Select(rows => rows == 0 ? 0 : guess(rows))];
    private bool _isMeasured;

    /// <summary>For one call on the threads of a CPU.</summary>
    public static CallCosts OfHost() => new(rows => 0.25 + (0.75 * rows));

    /// <summary>For a GPU, which a picture does not fill.</summary>
    public static CallCosts OfDevice() => new(rows => 1 + (rows / 16.0));

    /// <summary>The cost of a call, growing with its rows.</summary>
    public double Of(int rows) => rows <= MostRows ? _costs[rows] : _costs[MostRows] * rows / MostRows;

    /// <summary>The fewest rows with which about the most rows are done in a time; more where the call is a matter of milliseconds all the same.</summary>
    /// <param name="mostRows">At most so many; at least 1 counts.</param>
    public int Useful(int mostRows)
    {
        var most = Math.Clamp(mostRows, 1, MostRows);
        var best = 0.0;
        for (var rows = 1; rows <= most; rows++)
            best = Math.Max(best, rows / _costs[rows]);
        var useful = 1;
        while (useful < most && useful / _costs[useful] < GoodEnough * best)
            useful++;
        while (_isMeasured && useful < most && _costs[useful + 1] <= SoonOver)
            useful++;
        return useful;
    }

    /// <summary>A call has been made.</summary>
    public void Learn(int rows, TimeSpan duration)
    {
        if (rows is < 1 or > MostRows || duration <= TimeSpan.Zero)
            return;
        var seconds = duration.TotalSeconds;
        _measured[rows] = _measured[rows] is not { } known ? seconds : known + ((seconds < known ? TrustInShorter : TrustInLonger) * (seconds - known));
        _isMeasured = true;
        Smooth();
    }

    // Between measured sizes the cost goes as the guess does, outside them it is the guess to scale. Fewer rows never cost more: where they seem to, they were disturbed.
    private void Smooth()
    {
        var sizes = Enumerable.Range(1, MostRows).Where(rows => _measured[rows] is not null).ToArray();
        var next = 0;
        for (var rows = 1; rows <= MostRows; rows++)
        {
            while (next < sizes.Length && sizes[next] < rows)
                next++;
            _costs[rows] = next == 0 ? Scaled(rows, sizes[0]) : next == sizes.Length ? Scaled(rows, sizes[^1]) : Between(rows, sizes[next - 1], sizes[next]);
        }

        for (var rows = MostRows - 1; rows > 0; rows--)
            _costs[rows] = Math.Min(_costs[rows], _costs[rows + 1]);
    }

    private double Scaled(int rows, int measured) => _measured[measured]!.Value * guess(rows) / guess(measured);

    private double Between(int rows, int below, int above)
    {
        var rise = guess(above) - guess(below);
        var share = rise > 0 ? (guess(rows) - guess(below)) / rise : 0;
        return double.Lerp(_measured[below]!.Value, _measured[above]!.Value, share);
    }
}
