using System.Runtime.InteropServices;

namespace Ddpm.Engine.Native;

/// <summary>The library of libtorch's operators and what it exports.</summary>
internal static class TorchLibrary
{
    /// <summary>Finds an exported function.</summary>
    /// <param name="name">Mangled, where it is C++.</param>
    /// <param name="function">Its address.</param>
    /// <returns>False where this libtorch has none of that name.</returns>
    public static bool TryGetExport(string name, out nint function)
    {
        function = 0;
        // By its bare name, so that it is the one that is loaded already, wherever it came from.
        return NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "torch_cpu.dll" : OperatingSystem.IsMacOS() ? "libtorch_cpu.dylib" : "libtorch_cpu.so", out var library)
            && NativeLibrary.TryGetExport(library, name, out function);
    }
}
