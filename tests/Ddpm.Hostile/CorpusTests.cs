using Ddpm.Hostile.Corpus;
using Ddpm.Hostile.Reading;

namespace Ddpm.Hostile;

public sealed class CorpusTests
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(1); // generous: what does not end, does not end

    public static TheoryData<string> Names => [.. HostileCorpus.All.Where(input => !input.IsHeavy).Select(input => $"{input}")];

    [Fact]
    public void Corpus_IsLargeAndNamesAreUnique()
    {
        Assert.InRange(HostileCorpus.All.Count, 200, int.MaxValue);
        Assert.Equal(HostileCorpus.All.Count, HostileCorpus.All.Select(input => $"{input}").Distinct().Count());
    }

    [Theory, MemberData(nameof(Names))]
    public async Task Reader_AcceptsOrRefusesInASentence(string name)
    {
        var input = HostileCorpus.All.Single(input => $"{input}" == name);
        using var folder = new Scratch();
        var refusal = await Task.Run(() => Inputs.Read(input, folder.Path), TestContext.Current.CancellationToken).WaitAsync(_limit, TestContext.Current.CancellationToken);
        Inputs.AssertExpected(input, refusal);
    }
}
