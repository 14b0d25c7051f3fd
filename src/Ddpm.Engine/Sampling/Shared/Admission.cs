namespace Ddpm.Engine.Sampling.Shared;

/// <summary>How a request stands when the next call is put together.</summary>
/// <param name="Work">Rows of calls that it needed when it came.</param>
/// <param name="WorkLeft">Rows of calls that its pictures still need.</param>
/// <param name="Pictures">That are not finished; at least 1.</param>
/// <param name="Rows">Of a call that each takes: 2 where it is guided.</param>
/// <param name="LastCall">The number of the last call that had a picture of it; 0 for none.</param>
internal readonly record struct Standing(long Work, long WorkLeft, int Pictures, int Rows, long LastCall);

/// <summary>Which pictures share the next network call. Pure: what comes of it never changes a picture, only when it is finished.</summary>
/// <remarks>
/// The request with the least work left leads, so that small ones are not held up by large ones. Requests about as small as it fill the call up to the size that is
/// of use; so many of one size go through in large calls, and end one after another instead of all at the end. The rest comes along as long as the call lasts no
/// more than <see cref="MostStretch"/> times what it would without, the one served longest ago first; and in every other call at least one picture of them, so that
/// none waits for ever. Where a batch costs little more than a picture, as on a GPU, that fills the call up; where its cost grows with every picture, a small
/// request beside a large one has about two thirds of the time.
/// </remarks>
internal static class Admission
{
    /// <summary>Below 2, so that a small request beside a large one takes at most twice as long as alone, measurements being as good as they are.</summary>
    public const double MostStretch = 1.6;

    // A request of at most so many times the leader's work is about as small.
    private const int Alike = 2;

    /// <param name="requests">At least one.</param>
    /// <param name="costs">What calls cost.</param>
    /// <param name="mostRows">That fit into memory. One picture goes even where it has more.</param>
    /// <returns>Pictures of each request; at least one in all.</returns>
    public static int[] Share(IReadOnlyList<Standing> requests, CallCosts costs, int mostRows)
    {
        var share = new int[requests.Count];
        var useful = costs.Useful(mostRows);
        if (requests.Count == 1)
        {
            share[0] = Math.Clamp(useful / requests[0].Rows, 1, requests[0].Pictures);
            return share;
        }

        ShareAmongTheSmallest(requests, share, useful);
        var rows = RowsOf(requests, share);
        var limit = MostStretch * costs.Of(rows);
        // Who was left out of the call before comes first, then who was served longest ago.
        var lastCall = requests.Max(request => request.LastCall);
        var inTurn = Enumerable.Range(0, requests.Count).OrderBy(index => share[index] > 0).ThenBy(index => requests[index].LastCall).ThenBy(index => requests[index].WorkLeft).ToArray();
        if (Enumerable.Range(0, requests.Count).All(index => share[index] > 0 || requests[index].LastCall < lastCall) && share[inTurn[0]] == 0)
            rows = Force(inTurn[0], requests, share, mostRows);
        for (var added = true; added;)
        {
            added = false;
            foreach (var index in inTurn)
            {
                var more = rows + requests[index].Rows;
                if (share[index] == requests[index].Pictures || more > useful || costs.Of(more) > limit)
                    continue;
                share[index]++;
                (rows, added) = (more, true);
            }
        }

        return share;
    }

    // Where the call is full others give way, even the leader.
    private static int Force(int due, IReadOnlyList<Standing> requests, int[] share, int mostRows)
    {
        share[due] = 1;
        while (RowsOf(requests, share) > mostRows && Enumerable.Range(0, share.Length).Where(index => index != due).MaxBy(index => share[index]) is var largest && share[largest] > 0)
            share[largest]--;
        return RowsOf(requests, share);
    }

    private static int RowsOf(IReadOnlyList<Standing> requests, int[] share)
    {
        var rows = 0;
        for (var index = 0; index < share.Length; index++)
            rows += share[index] * requests[index].Rows;
        return rows;
    }

    private static void ShareAmongTheSmallest(IReadOnlyList<Standing> requests, int[] share, int useful)
    {
        var order = Enumerable.Range(0, requests.Count).OrderBy(index => requests[index].WorkLeft).ThenBy(index => requests[index].LastCall).ToArray();
        var leader = requests[order[0]];
        share[order[0]] = Math.Clamp(useful / leader.Rows, 1, leader.Pictures);
        var rows = share[order[0]] * leader.Rows;
        foreach (var index in order.Skip(1).Where(index => requests[index].Work <= Alike * leader.Work))
        {
            share[index] = Math.Clamp((useful - rows) / requests[index].Rows, 0, requests[index].Pictures);
            rows += share[index] * requests[index].Rows;
        }
    }
}
