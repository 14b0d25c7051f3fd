using Ddpm.Cli.CommandLine;

namespace Ddpm.Cli.Bench;

/// <summary>What a measurement makes of a list that it is given.</summary>
internal enum ListUse
{
    /// <summary>Nothing: to give one is a mistake.</summary>
    None,

    /// <summary>It takes the only one, or the first of the usual.</summary>
    One,

    /// <summary>It measures each.</summary>
    Each,
}

/// <summary>One thing that can be measured.</summary>
/// <param name="Name">As the command line has it.</param>
/// <param name="Description">For its help.</param>
/// <param name="InAll">Whether it needs no more than a model, and no minutes.</param>
/// <param name="Batch">What it makes of --batch.</param>
/// <param name="Precision">What it makes of --precision.</param>
/// <param name="Measure">Gives a report as soon as it has one.</param>
internal sealed record BenchSubject(string Name, string Description, bool InAll, ListUse Batch, ListUse Precision, Func<BenchOptions, IEnumerable<BenchReport>> Measure)
{
    /// <summary>Refuses a list that was given and that this cannot heed.</summary>
    /// <exception cref="UserErrorException">There is one.</exception>
    public void RequireFit(BenchOptions options, bool batchIsGiven, bool precisionIsGiven)
    {
        Require("--batch", Batch, batchIsGiven, options.Batches.Count);
        Require("--precision", Precision, precisionIsGiven, options.Precisions.Count);
    }

    /// <summary>The options as this measurement takes them.</summary>
    public BenchOptions Fit(BenchOptions options) => options with
    {
        Batches = Batch == ListUse.One ? [options.Batches[0]] : options.Batches,
        Precisions = Precision == ListUse.One ? [options.Precisions[0]] : options.Precisions,
    };

    private void Require(string option, ListUse use, bool isGiven, int count)
    {
        if (isGiven && use == ListUse.None)
            throw new UserErrorException($"bench {Name} takes no {option}.");
        if (isGiven && use == ListUse.One && count > 1)
            throw new UserErrorException($"bench {Name} takes one {option}, not {count}.");
    }
}
