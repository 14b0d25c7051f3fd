using Ddpm.Engine.Native;

namespace Ddpm.Engine.Tests.Native;

/// <summary>Processors as they were met: an Intel, an AMD, and such whose hypervisor hides something, or tells of the caches in the other maker's way only.</summary>
public sealed class CpuTopologyTests
{
    private const int Genu = 0x756e6547;
    private const int Auth = 0x68747541;

    [Theory]
    [InlineData(Genu, 0x1c004121, 0, 2, true), InlineData(Genu, 0, 0, 2, false), InlineData(Genu, 0, 0x00004121, 2, false), InlineData(Genu, 0x1c004121, 0, 0, false)]
    [InlineData(Auth, 0, 0x00004121, 2, true), InlineData(Auth, 0, 0, 2, false), InlineData(Auth, 0x1c004121, 0, 2, false), InlineData(Auth, 0, 0x00004121, 0, false)]
    public void Topology_IsToldOrHidden(int maker, int leaf4, int leaf1D, int threads, bool isTold) => Assert.Equal(isTold, CpuTopology.IsTold((leaf, _) => leaf switch
    {
        0 => (13, maker, 0, 0),
        4 => (leaf4, 0, 0, 0),
        0xB => (1, threads, 0x100, 0),
        unchecked((int)0x80000000) => (unchecked((int)0x80000021), 0, 0, 0),
        unchecked((int)0x8000001D) => (leaf1D, 0, 0, 0),
        _ => default,
    }));

    [Theory, InlineData(Genu, 2), InlineData(Genu, 4), InlineData(Auth, 2), InlineData(Auth, 13)]
    public void Topology_IsHidden_WhereTheLeavesAreNotThere(int maker, int last) => Assert.False(CpuTopology.IsTold((leaf, _) => leaf switch
    {
        0 => (last, maker, 0, 0),
        unchecked((int)0x80000000) => (unchecked((int)0x80000008), 0, 0, 0),
        _ => (1, 1, 0, 0), // what lies beyond the last leaf means nothing
    }));

    [Theory, InlineData(unchecked((int)0xfed83203), true), InlineData(0x7ed8320b, false)]
    public void AHypervisor_SaysSo(int features, bool isVirtual) => Assert.Equal(isVirtual, CpuTopology.IsVirtual((leaf, _) => (0, 0, leaf == 1 ? features : 0, 0)));
}
