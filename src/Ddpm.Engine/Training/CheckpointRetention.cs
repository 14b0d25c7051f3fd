namespace Ddpm.Engine.Training;

/// <summary>Which checkpoints of a run stay: always the newest, and the best, which is the one with the lowest loss over its latest steps.</summary>
public static class CheckpointRetention
{
    /// <summary>A checkpoint as it counts here.</summary>
    /// <param name="Loss">Mean over the latest steps before it; null where it is not known, or it cannot be the best.</param>
    /// <param name="Bytes">Of all its files.</param>
    public readonly record struct Candidate(double? Loss, long Bytes);

    /// <summary>The checkpoints to delete.</summary>
    /// <param name="newestFirst">All there are.</param>
    /// <param name="keep">So many of the newest stay, if they fit into the budget; at least 1. The best comes on top.</param>
    /// <param name="budgetBytes">All that stay have at most so many bytes, unless the newest and the best alone have more; null for no budget.</param>
    /// <returns>Indices into <paramref name="newestFirst"/>, rising.</returns>
    public static IReadOnlyList<int> Retired(IReadOnlyList<Candidate> newestFirst, int keep, long? budgetBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        if (newestFirst.Count == 0)
            return [];
        var best = newestFirst.Index().Where(pair => pair.Item.Loss is { } loss && double.IsFinite(loss)).OrderBy(pair => pair.Item.Loss).Select(pair => pair.Index)
            .FirstOrDefault(0);
        HashSet<int> staying = [0, best];
        var room = (budgetBytes ?? long.MaxValue) - staying.Sum(index => newestFirst[index].Bytes);
        for (var index = 1; index < Math.Min(keep, newestFirst.Count); index++)
        {
            if (index == best)
                continue;
            room -= newestFirst[index].Bytes;
            if (room < 0)
                break; // nor any that is older
            staying.Add(index);
        }

        return [.. Enumerable.Range(0, newestFirst.Count).Where(index => !staying.Contains(index))];
    }
}
