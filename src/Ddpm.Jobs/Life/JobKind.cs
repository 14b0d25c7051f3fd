namespace Ddpm.Jobs.Life;

/// <summary>What a job does.</summary>
public enum JobKind
{
    /// <summary>Decode an upload, folder or built-in set into a dataset cache.</summary>
    Dataset,

    /// <summary>Train a network.</summary>
    Training,

    /// <summary>Draw pictures.</summary>
    Sampling,

    /// <summary>Check and take in a diffusers folder.</summary>
    ModelImport,

    /// <summary>Measure a model against a dataset.</summary>
    Evaluation,
}
