namespace Ddpm.Engine.Native;

/// <summary>Whether a processor, or the hypervisor before it, tells of its caches and of what shares them.</summary>
internal static class CpuTopology
{
    private const int Features = 1;
    private const int Basic = 0;
    private const int Extended = unchecked((int)0x80000000);
    private const int Caches = 4;
    private const int AmdCaches = unchecked((int)0x8000001D);
    private const int Topology = 0xB;
    private const int KindMask = 0x1f;
    private const int CountMask = 0xffff;
    private const int Auth = 0x68747541, Hygo = 0x6f677948; // the first letters of AuthenticAMD and HygonGenuine

    /// <summary>Whether a hypervisor stands before the processor.</summary>
    /// <param name="cpuId">As below.</param>
    public static bool IsVirtual(Func<int, int, (int Eax, int Ebx, int Ecx, int Edx)> cpuId) => cpuId(Features, 0).Ecx < 0; // bit 31

    /// <summary>Whether all is told.</summary>
    /// <param name="cpuId">The instruction of that name: leaf and sub-leaf to four registers. A cache of the kind 0 is none; so is a topology of no logical processors.</param>
    public static bool IsTold(Func<int, int, (int Eax, int Ebx, int Ecx, int Edx)> cpuId)
    {
        // Each maker's processors are asked in its own way: what such a processor answers to the other's question means nothing.
        var (last, maker, _, _) = cpuId(Basic, 0);
        var hasCaches = maker is Auth or Hygo
            ? (uint)cpuId(Extended, 0).Eax >= unchecked((uint)AmdCaches) && (cpuId(AmdCaches, 0).Eax & KindMask) != 0
            : last >= Caches && (cpuId(Caches, 0).Eax & KindMask) != 0;
        return hasCaches && last >= Topology && (cpuId(Topology, 0).Ebx & CountMask) != 0;
    }
}
