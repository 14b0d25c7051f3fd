using System.ComponentModel.DataAnnotations;

namespace Ddpm.Api.TrainingRuns;

/// <summary>Settings below <c>TrainingRuns</c>.</summary>
internal sealed record TrainingRunsOptions
{
    /// <summary>Most floating-point operations of one request: pictures seen × operations of a call × 3 for both passes. From 1; null for no limit, the default.</summary>
    [Range(1.0, double.MaxValue)]
    public double? MaxOperations { get; init; }
}
