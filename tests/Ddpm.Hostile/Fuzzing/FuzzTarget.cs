namespace Ddpm.Hostile.Fuzzing;

/// <summary>A reader that is fuzzed.</summary>
/// <param name="Name">What it reads.</param>
/// <param name="Generate">Makes an input: the same for the same random numbers.</param>
/// <param name="Refusal">Reads it: the sentence it is refused with, or null. Whatever else it throws is a fault.</param>
internal sealed record FuzzTarget(string Name, Func<Random, byte[]> Generate, Func<byte[], string?> Refusal);
