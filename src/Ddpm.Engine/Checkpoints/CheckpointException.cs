namespace Ddpm.Engine.Checkpoints;

/// <summary>A model folder or weights file that cannot be used. The message is one sentence that names the file and what is wrong in it.</summary>
public sealed class CheckpointException : Exception
{
    /// <param name="message">One sentence.</param>
    public CheckpointException(string message)
        : base(Refusal.Sentence(message))
    {
    }

    /// <param name="message">One sentence.</param>
    /// <param name="inner">What caused it.</param>
    public CheckpointException(string message, Exception inner)
        : base(Refusal.Sentence(message), inner)
    {
    }
}
