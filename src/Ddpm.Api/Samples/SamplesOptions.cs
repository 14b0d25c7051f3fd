using System.ComponentModel.DataAnnotations;
using Ddpm.Jobs.Models;

namespace Ddpm.Api.Samples;

/// <summary>Settings below <c>Samples</c>.</summary>
internal sealed record SamplesOptions
{
    /// <summary>The model of requests that name none; default <see cref="NamedModel.Shipped"/>.</summary>
    public string DefaultModel { get; init; } = NamedModel.Shipped;

    /// <summary>Most floating-point operations of one request: pictures × calls of the network × operations of a call. From 1; null for no limit, the default.</summary>
    [Range(1.0, double.MaxValue)]
    public double? MaxOperations { get; init; }
}
