namespace Ddpm.Engine.Networks.Cpu;

/// <summary>A convolution with weights that were prepared once. Two algorithms: which one depends on the sizes alone, so that it never depends on the batch.</summary>
internal interface IConvolution : IDisposable
{
    /// <summary>Of the prepared weights.</summary>
    long Bytes { get; }

    /// <param name="pass">The pass.</param>
    /// <param name="input">With a margin of one pixel.</param>
    /// <param name="output">Written.</param>
    /// <param name="epilogue">What follows the sums.</param>
    void Run(ForwardPass pass, Activations input, Activations output, Epilogue epilogue);
}
