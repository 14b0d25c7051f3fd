namespace Ddpm.Engine.Evaluation.Likelihood;

/// <summary>How the decoder's bins are integrated.</summary>
public enum NormalCdf
{
    /// <summary>By the error function, exact.</summary>
    Erf,

    /// <summary>½·(1 + tanh(√(2/π)·(x + 0.044715·x³))), at most 3e-4 off: what Ho et al.'s and Nichol &amp; Dhariwal's programs compute.</summary>
    Tanh,
}
