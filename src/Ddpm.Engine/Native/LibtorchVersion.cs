namespace Ddpm.Engine.Native;

/// <summary>Which libtorch is loaded.</summary>
internal static unsafe class LibtorchVersion
{
    /// <summary>Such as 2.10.0; "unknown" where it does not say, as before its stable interface.</summary>
    public static string Text()
    {
        TorchRuntime.Initialize();
        if (!TorchLibrary.TryGetExport("aoti_torch_abi_version", out var function))
            return "unknown";
        var version = ((delegate* unmanaged[Cdecl]<ulong>)function)(); // major, minor, patch, tweak, tag: the first three bytes count
        return $"{version >> 56}.{(version >> 48) & 0xff}.{(version >> 40) & 0xff}";
    }
}
