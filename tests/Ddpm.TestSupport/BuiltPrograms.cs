using System.Reflection;

namespace Ddpm.TestSupport;

/// <summary>Where the build put the programs that tests start; the project file of the tests knows.</summary>
public static class BuiltPrograms
{
    /// <param name="tests">The tests' own assembly, whose metadata names them.</param>
    /// <param name="program"><c>Api</c>, say.</param>
    public static string PathOf(Assembly tests, string program) =>
        Path.GetFullPath(tests.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == program).Value!);
}
