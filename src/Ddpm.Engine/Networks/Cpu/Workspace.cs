using System.Runtime.InteropServices;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>The memory that a forward pass computes in: blocks that are taken, given back and taken again, so that none is asked of the system after the first pass.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    private const int Alignment = 64;

    private readonly Dictionary<nint, Stack<nint>> _free = [];
    private readonly List<nint> _all = [];

    /// <summary>What has been taken from the system.</summary>
    public long Bytes { get; private set; }

    /// <param name="floats">Length of the block, which is aligned to 64 bytes and holds anything.</param>
    public float* Take(long floats)
    {
        if (_free.TryGetValue((nint)floats, out var blocks) && blocks.TryPop(out var block))
            return (float*)block;
        var fresh = (nint)Allocate(floats);
        _all.Add(fresh);
        Bytes += floats * sizeof(float);
        return (float*)fresh;
    }

    /// <summary>Gives back a block that was taken with this length.</summary>
    public void Return(float* block, long floats)
    {
        if (!_free.TryGetValue((nint)floats, out var blocks))
            _free[(nint)floats] = blocks = new Stack<nint>();
        blocks.Push((nint)block);
    }

    /// <summary>Memory for good; the caller frees it by <see cref="Free"/>.</summary>
    public static float* Allocate(long floats)
    {
        var bytes = (nuint)((floats * sizeof(float)) + 4096); // kernels look ahead
        return (float*)NativeMemory.AlignedAlloc(bytes, Alignment);
    }

    /// <summary>Frees what <see cref="Allocate"/> gave; null is allowed.</summary>
    public static void Free(float* block) => NativeMemory.AlignedFree(block);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var block in _all)
            NativeMemory.AlignedFree((void*)block);
        _all.Clear();
        _free.Clear();
    }
}
