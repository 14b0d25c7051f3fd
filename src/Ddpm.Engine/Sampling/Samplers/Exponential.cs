namespace Ddpm.Engine.Sampling.Samplers;

internal static class Exponential
{
    /// <summary>e^x − 1, also where both nearly cancel; −1 at −∞.</summary>
    public static double MinusOne(double x) => Math.Abs(x) < 1e-5 ? x + (x * x / 2) + (x * x * x / 6) : Math.Exp(x) - 1;
}
