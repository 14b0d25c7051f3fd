namespace Ddpm.Engine.Sampling.Shared;

/// <summary>How a request stands when the next call is put together.</summary>
/// <param name="WorkLeft">Rows of calls that its pictures still need.</param>
/// <param name="Pictures">That are not finished; at least 1.</param>
/// <param name="Rows">Of a call that each takes: 2 where it is guided.</param>
/// <param name="LastCall">The number of the last call that had a picture of it.</param>
internal readonly record struct Standing(long WorkLeft, int Pictures, int Rows, long LastCall);

/// <summary>Which pictures share the next network call. Pure: what comes of it never changes a picture, only when it is finished.</summary>
/// <remarks>
/// The request with the least work left leads, so that small ones are not held up by large ones, and equal ones end one after another instead of all at the end.
/// It takes others along as long as the call lasts no more than <see cref="MostStretch"/> times what it would with the leader's pictures alone, and at least one: the
/// one served longest ago first, so that none waits for ever. Where a batch costs little more than a picture, as on a GPU, that fills the call up; where its
/// cost grows with every picture it is about half the time for the leader and half for the others, in turn.
/// </remarks>
internal static class Admission
{
    /// <summary>Below 2, so that a request among others takes at most twice as long as alone, measurements being as good as they are.</summary>
    public const double MostStretch = 1.75;

    /// <param name="requests">At least one.</param>
    /// <param name="costs">What calls cost.</param>
    /// <param name="mostRows">That fit into memory. One picture goes even where it has more.</param>
    /// <returns>Pictures of each request; at least one in all.</returns>
    public static int[] Share(IReadOnlyList<Standing> requests, CallCosts costs, int mostRows)
    {
        var share = new int[requests.Count];
        var leader = Enumerable.Range(0, requests.Count).MinBy(index => (requests[index].WorkLeft, requests[index].LastCall, index));
        var leading = requests[leader];
        share[leader] = Math.Clamp(costs.Useful(mostRows) / leading.Rows, 1, leading.Pictures);
        if (requests.Count == 1)
            return share;

        var rows = share[leader] * leading.Rows;
        var limit = MostStretch * costs.Of(rows);
        var inTurn = Enumerable.Range(0, requests.Count).Where(index => index != leader).OrderBy(index => requests[index].LastCall).ThenBy(index => requests[index].WorkLeft).ToArray();
        for (var (added, round) = (true, 0); added; round++)
        {
            added = false;
            foreach (var index in inTurn)
            {
                var more = rows + requests[index].Rows;
                if (share[index] == requests[index].Pictures || more > mostRows || (costs.Of(more) > limit && (round > 0 || index != inTurn[0])))
                    continue;
                share[index]++;
                rows = more;
                added = true;
            }
        }

        return share;
    }
}
