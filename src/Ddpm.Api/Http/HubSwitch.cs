using Microsoft.Extensions.Options;

namespace Ddpm.Api.Http;

/// <summary>Whether anybody may have the server fetch something from the hub. A setting of the section <c>Hub</c>, which the worker reads too.</summary>
internal sealed record HubSwitch
{
    /// <summary>Default false: an import makes a machine of ours ask another, on behalf of whoever may submit.</summary>
    public bool Enabled { get; set; }

    /// <summary>Refuses a request that needs the hub while that is switched off.</summary>
    /// <param name="context">The request's.</param>
    /// <param name="field">The field that asks for it.</param>
    /// <exception cref="RequestProblem">It is switched off.</exception>
    public static void Require(HttpContext context, string field)
    {
        if (!context.RequestServices.GetRequiredService<IOptions<HubSwitch>>().Value.Enabled)
            throw Faults.One(field, "cannot be had: imports from the hub are switched off on this server (Hub:Enabled; environment: Hub__Enabled). Upload the files instead");
    }
}
