using System.ComponentModel.DataAnnotations;

namespace Ddpm.Api.Evaluations;

/// <summary>Settings below <c>Evaluations</c>.</summary>
internal sealed record EvaluationsOptions
{
    /// <summary>Most floating-point operations of one request: pictures × calls of the network × operations of a call. From 1; null for no limit, the default.</summary>
    [Range(1.0, double.MaxValue)]
    public double? MaxOperations { get; init; }
}
