using System.Text.RegularExpressions;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Fixtures;

/// <summary>torch's own generator, from which first weights and dropout come: the same seed must mean the same draws as in PyTorch.</summary>
[Trait("Category", "fixtures")]
public sealed partial class RandomFixtureTests
{
    public static IEnumerable<TheoryDataRow<string>> Cases => FixtureCase.OfKind("rng");

    [Theory, MemberData(nameof(Cases))]
    public void Seeds_GiveTheReferencesDraws_InTheReferencesOrder(string name)
    {
        using var scope = NewDisposeScope();
        using var fixture = FixtureCase.Open(name);
        foreach (var seed in fixture.Json["seeds"]!.AsArray().Select(seed => seed!.GetValue<long>()))
        {
            using var generator = new Generator((ulong)seed, CPU);
            foreach (var expected in fixture.TensorsUnder($"{seed}.").ToList()) // in the order of the draws
                fixture.AssertClose(expected, Draw(expected[$"{seed}.".Length..], fixture, expected, generator));
        }
    }

    // A tensor is named after the call that drew it and its shape; what the name does not say the case's text does: integers are below 1000.
    private static Tensor Draw(string call, FixtureCase fixture, string expected, Generator generator)
    {
        var shape = fixture.Tensor(expected).shape;
        return call.Split('_')[0] switch
        {
            "randn" => randn(shape, generator: generator),
            "rand" => rand(shape, generator: generator),
            "randperm" => randperm(shape[0], generator: generator),
            "randint" => randint(long.Parse(Bound().Match(fixture.Json["about"]!.ToString()).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture), shape, generator: generator),
            var other => throw new NotSupportedException($"There is no draw '{other}'."),
        };
    }

    [GeneratedRegex(@"randint\(0,\s*(\d+)")]
    private static partial Regex Bound();
}
