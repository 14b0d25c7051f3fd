using System.Runtime.CompilerServices;
using Ddpm.Hostile.Fuzzing;
using Ddpm.Hostile.Reading;
using Xunit.Runner.InProc.SystemConsole;

namespace Ddpm.Hostile;

/// <summary>The tests; or <c>fuzz [--cases N] [--seed N]</c>; or <c>read KIND PATH</c>, which reads one input and prints what became of it and of memory.</summary>
internal static class EntryPoint
{
    public static async Task<int> Main(string[] args) => args switch
    {
        ["fuzz", .. var options] => FuzzCommand.Run(options),
        ["read", var kind, var path] => MeasuredRead.Run(kind, path),
        _ => await TestsAsync(args),
    };

    [MethodImpl(MethodImplOptions.NoInlining)] // the runner is not loaded, and costs no memory, where it does not run
    private static Task<int> TestsAsync(string[] args) => ConsoleRunner.Run(args);
}
