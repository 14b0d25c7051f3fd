using System.Runtime.InteropServices;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>Pages that machine code is placed in: written first, then made executable and never writable again.</summary>
internal static unsafe partial class ExecutableMemory
{
    private const int Read = 1, Write = 2, Execute = 4;
    private const int Private = 2, Anonymous = 0x20;

    /// <summary>Places functions for the life of the process.</summary>
    /// <returns>Their addresses; null where the system forbids executable pages, as hardened ones do.</returns>
    public static nint[]? Place(IReadOnlyList<byte[]> functions)
    {
        var starts = new nint[functions.Count];
        nint size = 0;
        for (var n = 0; n < functions.Count; n++)
        {
            starts[n] = size;
            size += (functions[n].Length + 63) & ~63;
        }

        var pages = Map(0, size, Read | Write, Private | Anonymous, -1, 0);
        if (pages == -1)
            return null;
        for (var n = 0; n < functions.Count; n++)
            functions[n].CopyTo(new Span<byte>((void*)(pages + starts[n]), functions[n].Length));
        return Protect(pages, size, Read | Execute) == 0 ? [.. starts.Select(start => pages + start)] : null;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(nint address, nint length, int protection);
}
