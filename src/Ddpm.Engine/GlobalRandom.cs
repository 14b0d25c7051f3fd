namespace Ddpm.Engine;

/// <summary>libtorch has one random generator for the whole process, which first weights and dropout are drawn from.</summary>
internal static class GlobalRandom
{
    /// <summary>Held from seeding the generator until what the seed decides has been drawn, and by whoever else draws from it: a model that is
    /// loaded beside a training run must not change that run.</summary>
    public static Lock Gate { get; } = new();
}
