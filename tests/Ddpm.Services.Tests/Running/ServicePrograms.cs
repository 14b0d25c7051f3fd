using Ddpm.TestSupport;

namespace Ddpm.Services.Tests.Running;

/// <summary>The programs that these tests start.</summary>
internal static class ServicePrograms
{
    public static string Api => PathOf(nameof(Api));
    public static string Worker => PathOf(nameof(Worker));
    public static string Cli => PathOf(nameof(Cli));

    private static string PathOf(string program) => BuiltPrograms.PathOf(typeof(ServicePrograms).Assembly, program);
}
