using System.Globalization;
using System.Text;
using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Evaluation.Likelihood;
using Ddpm.Engine.Evaluation.Memorisation;
using Ddpm.Engine.Evaluation.Wasserstein;

namespace Ddpm.Cli.Evaluation;

/// <summary>An evaluation for people: a line a number, with its standard error and what it was measured on.</summary>
internal static class EvaluationTable
{
    public static string Of(EvaluationReport report)
    {
        var text = new StringBuilder();
        foreach (var (name, value, remark) in Rows(report))
            text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{name,-24}{value,-22}{remark}").TrimEnd());
        return text.ToString().TrimEnd();
    }

    private static IEnumerable<(string Name, string Value, string Remark)> Rows(EvaluationReport report) =>
    [
        .. report.BitsPerDimension is { } bits ? Rows(bits) : [],
        .. report.Features is { } features ? Rows(features) : [],
        .. report.SlicedWasserstein is { } distance ? Rows(distance, report.SlicedWassersteinOfDataset) : [],
        .. report.Memorisation is { } memorisation ? Rows(memorisation) : [],
    ];

    private static IEnumerable<(string Name, string Value, string Remark)> Rows(BitsPerDimensionResult bits)
    {
        var last = bits.Terms[^1].LastTimestep;
        yield return ("bits per dimension", Text(bits.Total, 4), $"at most; {bits.Images} pictures, {bits.Terms.Count} of {last + 1} timesteps each");
        yield return ("  L_0, the decoder", Text(bits.Decoder, 4), "timestep 0");
        for (var first = 1; first <= last; first *= 10)
        {
            // Strata do not end where decades do; each counts where it begins.
            var terms = bits.Terms.Where(term => term.FirstTimestep >= first && term.FirstTimestep < 10 * first).ToList();
            if (terms.Count > 0)
                yield return ("  Σ L_t", Number(terms.Sum(term => term.BitsPerDimension.Value), 4), $"timesteps {terms[0].FirstTimestep} to {terms[^1].LastTimestep}");
        }

        yield return ("  L_T, the prior", Number(bits.Prior.Value, 6), "");
    }

    private static IEnumerable<(string Name, string Value, string Remark)> Rows(FeatureDistanceResult features)
    {
        var of = $"{features.Images} samples, {features.ReferenceImages} pictures, {features.Dimensions} features";
        if (features.Fid is { } fid)
            yield return ("FID", Number(fid, 3), features.Images < 10_000 ? $"{of}; biased upwards for so few samples" : of);
        if (features.Kid is { } kid)
            yield return ("KID × 1000", Text(new Estimate(1000 * kid.Value, 1000 * kid.StandardError), 3), of);
    }

    private static IEnumerable<(string Name, string Value, string Remark)> Rows(PictureDistanceResult distance, PictureDistanceResult? usual)
    {
        string Beside(double? value) => value is { } number ? $"{Number(number, 2)} between two halves of the dataset" : "";
        yield return ("SWD × 1000", Number(1000 * distance.Average, 2), string.Join("; ", new[] { Beside(1000 * usual?.Average), $"{distance.Images} pictures of each" }.Where(part => part.Length > 0)));
        foreach (var (n, level) in distance.Levels.Index())
            yield return ($"  patches at {level.Side}×{level.Side}", Text(new Estimate(1000 * level.Distance.Value, 1000 * level.Distance.StandardError), 2), Beside(1000 * usual?.Levels[n].Distance.Value));
        yield return ("  whole pictures", Text(new Estimate(1000 * distance.Pixels.Value, 1000 * distance.Pixels.StandardError), 2), Beside(1000 * usual?.Pixels.Value));
    }

    private static IEnumerable<(string Name, string Value, string Remark)> Rows(MemorisationResult result)
    {
        yield return ("nearest picture", Number(result.SampleMedian, 2), $"median over {result.Images} samples, root mean square of values 0 to 255 at {result.ComparedSide}×{result.ComparedSide}");
        if (result.DatasetMedian is { } usual)
            yield return ("  of the dataset's own", Number(usual, 2), "median over its pictures, each to the nearest other");
        var closest = result.Closest[0];
        yield return ("  the closest sample", Number(closest.Nearest[0].Distance, 2), $"sample {closest.Sample}, picture {closest.Nearest[0].Index} of the dataset{(closest.Nearest[0].Mirrored ? ", mirrored" : "")}");
    }

    private static string Text(Estimate estimate, int digits) =>
        double.IsFinite(estimate.StandardError) ? $"{Number(estimate.Value, digits)} ± {Number(estimate.StandardError, digits)}" : Number(estimate.Value, digits);

    private static string Number(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);
}
