using System.Text;

namespace Ddpm.Engine.Tests;

public sealed class RefusalTests
{
    [Theory, InlineData(""), InlineData("a")]
    public void Sentence_IsCutBetweenCharacters(string before)
    {
        var sentence = Refusal.Sentence(before + string.Concat(Enumerable.Repeat("\U0001F600", 600)));

        Assert.InRange(sentence.Length, 990, 1000);
        Assert.DoesNotContain("\uFFFD", Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(sentence)), StringComparison.Ordinal);
    }
}
