using System.Globalization;
using System.Reflection;
using Ddpm.Hostile.Corpus;
using Ddpm.Hostile.Reading;
using Ddpm.TestSupport;

namespace Ddpm.Hostile;

/// <summary>What is made to fill memory is read in a process of its own, whose peak the kernel keeps.</summary>
[Trait("Category", "services")]
public sealed class MemoryTests
{
    private const long MostKib = 1 << 20;
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(3);

    public static TheoryData<string> Names => [.. HostileCorpus.All.Where(input => input.IsHeavy).Select(input => $"{input}")];

    [Theory, MemberData(nameof(Names))]
    public async Task Reader_StaysBelowAGibibyteAboveIdle(string name)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Peaks of memory are read from /proc.");
        var input = HostileCorpus.All.Single(input => $"{input}" == name);
        using var folder = new Scratch();
        string[] arguments = [Assembly.GetExecutingAssembly().Location, "read", $"{input.Kind}", Inputs.Make(input, folder.Path)];
        var printed = (await Programs.RunAsync("dotnet", arguments).WaitAsync(_limit, TestContext.Current.CancellationToken)).TrimEnd('\n').Split('\n');

        Inputs.AssertExpected(input, printed[0].Length > 0 ? printed[0] : null);
        var (idle, peak) = (long.Parse(printed[1], CultureInfo.InvariantCulture), long.Parse(printed[2], CultureInfo.InvariantCulture));
        TestContext.Current.TestOutputHelper?.WriteLine($"{(peak - idle) / 1024} MiB above {idle / 1024} MiB");
        Assert.InRange(peak - idle, 0, MostKib);
    }
}
