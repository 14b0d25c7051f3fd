using System.Reflection;

namespace Ddpm.Services.Tests.Running;

/// <summary>Where the build put the programs; the project file knows.</summary>
internal static class BuiltPrograms
{
    public static string Api => PathOf(nameof(Api));
    public static string Worker => PathOf(nameof(Worker));
    public static string Cli => PathOf(nameof(Cli));

    private static string PathOf(string program) => Path.GetFullPath(
        typeof(BuiltPrograms).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == program).Value!);
}
