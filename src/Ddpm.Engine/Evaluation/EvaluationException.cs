namespace Ddpm.Engine.Evaluation;

/// <summary>A model cannot be measured as asked. The message is for the person who asked.</summary>
public sealed class EvaluationException : Exception
{
    /// <param name="message">One sentence.</param>
    public EvaluationException(string message)
        : base(message)
    {
    }

    /// <param name="message">One sentence.</param>
    /// <param name="inner">What caused it.</param>
    public EvaluationException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
