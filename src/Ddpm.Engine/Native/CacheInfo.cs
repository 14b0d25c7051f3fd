namespace Ddpm.Engine.Native;

/// <summary>Whether a processor, or the hypervisor before it, tells of its caches.</summary>
internal static class CacheInfo
{
    private const int Basic = 0;
    private const int Extended = unchecked((int)0x80000000);
    private const int IntelCaches = 4;
    private const int AmdCaches = unchecked((int)0x8000001D);
    private const int KindMask = 0x1f;

    /// <param name="cpuId">The instruction of that name: leaf and sub-leaf to four registers. A cache of the kind 0 is none.</param>
    public static bool IsTold(Func<int, int, (int Eax, int Ebx, int Ecx, int Edx)> cpuId) =>
        (cpuId(Basic, 0).Eax >= IntelCaches && (cpuId(IntelCaches, 0).Eax & KindMask) != 0)
        || ((uint)cpuId(Extended, 0).Eax >= unchecked((uint)AmdCaches) && (cpuId(AmdCaches, 0).Eax & KindMask) != 0);
}
