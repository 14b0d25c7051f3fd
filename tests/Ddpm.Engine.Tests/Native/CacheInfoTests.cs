using Ddpm.Engine.Native;

namespace Ddpm.Engine.Tests.Native;

/// <summary>Processors as they were met: an Intel, an AMD, and an AMD whose hypervisor hides its caches.</summary>
public sealed class CacheInfoTests
{
    [Theory, InlineData(0x1c004121, 0, true), InlineData(0, 0x00004121, true), InlineData(0, 0, false)]
    public void Caches_AreToldOrHidden(int leaf4, int leaf1D, bool isTold) => Assert.Equal(isTold, CacheInfo.IsTold((leaf, _) => leaf switch
    {
        0 => (13, 0, 0, 0),
        4 => (leaf4, 0, 0, 0),
        unchecked((int)0x80000000) => (unchecked((int)0x80000021), 0, 0, 0),
        unchecked((int)0x8000001D) => (leaf1D, 0, 0, 0),
        _ => default,
    }));

    [Fact]
    public void Caches_AreHidden_WhereTheLeavesAreNotThere() => Assert.False(CacheInfo.IsTold((leaf, _) => leaf switch
    {
        0 => (2, 0, 0, 0),
        unchecked((int)0x80000000) => (unchecked((int)0x80000008), 0, 0, 0),
        _ => (1, 0, 0, 0), // what lies beyond the last leaf means nothing
    }));
}
