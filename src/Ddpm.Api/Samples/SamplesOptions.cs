namespace Ddpm.Api.Samples;

/// <summary>Settings below <c>Samples</c>.</summary>
internal sealed record SamplesOptions
{
    /// <summary>The model of requests that name none; default <c>faces-32</c>, the one that is shipped.</summary>
    public string DefaultModel { get; init; } = "faces-32";
}
