using System.Runtime.InteropServices;

namespace Ddpm.TestSupport;

/// <summary>What is to be cleared away when this process ends, be it by Ctrl-C, which alone would end it without a word.</summary>
internal static class EndOfTests
{
    private static readonly PosixSignalRegistration Interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
    {
        signal.Cancel = true;
        Environment.Exit(128 + 2);
    });

    /// <summary>Does it for each that is there then; one that fails keeps none from its turn.</summary>
    public static void Do<T>(Func<IEnumerable<T>> all, Action<T> clearAway) => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        GC.KeepAlive(Interrupt);
        foreach (var one in all())
        {
            try
            {
                clearAway(one);
            }
#pragma warning disable CA1031 // Nobody is left to tell, and the others wait.
            catch (Exception)
#pragma warning restore CA1031
            {
            }
        }
    };
}
