namespace Ddpm.Engine.Networks;

/// <summary>A network that cannot be built as described. Each fault names its field, what stands there and what would be accepted.</summary>
public sealed class UNetConfigException : Exception
{
    /// <param name="faults">One sentence a fault, at least one.</param>
    public UNetConfigException(IReadOnlyList<string> faults)
        : base(Refusal.Sentence(string.Join(" ", faults))) => Faults = faults;

    /// <summary>One sentence a fault.</summary>
    public IReadOnlyList<string> Faults { get; }
}
