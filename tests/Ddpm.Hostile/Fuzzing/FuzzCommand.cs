namespace Ddpm.Hostile.Fuzzing;

internal static class FuzzCommand
{
    public static int Run(string[] options) => options.Length;
}
