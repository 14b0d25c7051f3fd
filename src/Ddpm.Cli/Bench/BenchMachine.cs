using System.Reflection;
using System.Runtime.InteropServices;
using Ddpm.Engine.Native;
using TorchSharp;

namespace Ddpm.Cli.Bench;

/// <summary>The machine that was measured.</summary>
/// <param name="Cpu">Its model.</param>
/// <param name="Cores">As this process may use them.</param>
/// <param name="Flags">Those of avx2, avx512f, avx512_bf16 and amx_bf16 that it has.</param>
/// <param name="MemoryBytes">That this process may use.</param>
/// <param name="Gpu">Name of the first GPU; null where libtorch sees none.</param>
internal sealed record BenchMachine(string Cpu, int Cores, IReadOnlyList<string> Flags, long MemoryBytes, string? Gpu)
{
    private static readonly string[] Interesting = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"];

    public static BenchMachine This { get; } = Read();

    private static BenchMachine Read()
    {
        var lines = File.Exists("/proc/cpuinfo") ? File.ReadAllLines("/proc/cpuinfo") : [];
        string Field(string name) => lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(": ", 2).Last().Trim() ?? "";
        var model = Field("model name");
        return new BenchMachine(
            model.Length > 0 ? model : RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.ProcessorCount,
            [.. Interesting.Intersect(Field("flags").Split(' '))],
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            torch.cuda.is_available() ? CudaDevice.Name(0) : null);
    }
}

/// <summary>The programs that were measured.</summary>
internal sealed record BenchVersions(string Ddpm, string DotNet, string TorchSharp, string Libtorch)
{
    public static BenchVersions This { get; } = new(
        Of(typeof(BenchVersions).Assembly), Environment.Version.ToString(), Of(typeof(torch).Assembly), LibtorchVersion.Text());

    private static string Of(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? assembly.GetName().Version!.ToString(3);
}
