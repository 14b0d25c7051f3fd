using static Ddpm.Engine.Training.CheckpointRetention;

namespace Ddpm.Engine.Tests.Training;

public sealed class CheckpointRetentionTests
{
    // Newest first: losses with ten bytes each.
    [Theory]
    [InlineData("", 3, null, "")]
    [InlineData("1 2 3 4", 2, null, "2 3")]
    [InlineData("4 3 1 2", 2, null, "3")] // the best stays besides the newest two
    [InlineData("4 3 1 2", 1, null, "1 3")]
    [InlineData("4 3 2 1", 4, 30, "2")] // newest and best, and what fits from the newest on
    [InlineData("1 2 3 4", 4, 25, "2 3")]
    [InlineData("2 3 4 1", 4, 5, "1 2")] // newest and best stay, whatever the budget
    [InlineData("2 2 2", 1, null, "1 2")] // of equals the newest is the best
    [InlineData("NaN NaN", 1, null, "1")]
    public void NewestAndBest_Stay_AndOthersByCountAndBudget(string losses, int keep, int? budget, string retired)
    {
        var candidates = losses.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(loss => new Candidate(double.Parse(loss, System.Globalization.CultureInfo.InvariantCulture), 10)).ToList();
        Assert.Equal(retired, string.Join(' ', Retired(candidates, keep, budget)));
    }
}
