using Ddpm.Jobs.Models;

namespace Ddpm.Api.Samples;

/// <summary>Settings below <c>Samples</c>.</summary>
internal sealed record SamplesOptions
{
    /// <summary>The model of requests that name none; default <see cref="NamedModel.Shipped"/>.</summary>
    public string DefaultModel { get; init; } = NamedModel.Shipped;
}
