using System.ComponentModel.DataAnnotations;

namespace Ddpm.Api.Admission;

/// <summary>Settings below <c>Limits</c>: how much work is accepted before some of it is done.</summary>
internal sealed record AdmissionOptions
{
    /// <summary>Jobs of one account that may wait in one queue. From 1; default 1000.</summary>
    [Range(1, 10_000_000)]
    public int WaitingPerAccount { get; init; } = 1000;

    /// <summary>Jobs of all that may wait in one queue. From 1; default 10,000.</summary>
    [Range(1, 10_000_000)]
    public int Waiting { get; init; } = 10_000;
}
