using Ddpm.Jobs.Accounts;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace Ddpm.Api.Keys;

/// <summary>The authorization policies: one a role, each met by the roles above it too.</summary>
internal static class Roles
{
    public const string Read = "read";
    public const string Submit = "submit";
    public const string Admin = "admin";

    public static ApiRole Of(string policy) => policy switch
    {
        Read => ApiRole.Read,
        Submit => ApiRole.Submit,
        Admin => ApiRole.Admin,
        _ => throw new ArgumentOutOfRangeException(nameof(policy), policy, "No such policy."),
    };

    public static string Name(ApiRole role) => role switch
    {
        ApiRole.Read => Read,
        ApiRole.Submit => Submit,
        _ => Admin,
    };

    /// <summary>The role that an endpoint asks for; null where that is none.</summary>
    public static ApiRole? NeededFor(Endpoint? endpoint) => endpoint switch
    {
        not RouteEndpoint => null, // nothing there, or not with this method: whoever may come in at all is told so
        _ when endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null => null,
        _ => endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Where(data => data.Policy is not null).Select(data => Of(data.Policy!))
            .DefaultIfEmpty(ApiRole.Admin).Max(), // one that says nothing is closed
    };

    /// <summary>Reading needs <c>read</c> and everything else <c>submit</c>, except where an endpoint says what it needs.</summary>
    public static TBuilder WithRolesByMethod<TBuilder>(this TBuilder group)
        where TBuilder : IEndpointConventionBuilder
    {
        group.Finally(endpoint =>
        {
            if (endpoint.Metadata.Any(item => item is IAuthorizeData or IAllowAnonymous))
                return;
            var reads = endpoint.Metadata.OfType<HttpMethodMetadata>().LastOrDefault() is { HttpMethods: { Count: > 0 } methods } && methods.All(method => HttpMethods.IsGet(method) || HttpMethods.IsHead(method));
            endpoint.Metadata.Add(new AuthorizeAttribute(reads ? Read : Submit));
            foreach (var status in (int[])[StatusCodes.Status401Unauthorized, StatusCodes.Status403Forbidden, StatusCodes.Status429TooManyRequests])
                endpoint.Metadata.Add(new ProducesResponseTypeMetadata(status, typeof(ProblemDetails), ["application/problem+json"]));
        });
        return group;
    }

    public static IServiceCollection AddDdpmRoles(this IServiceCollection services)
    {
        services.AddSingleton<IAuthorizationHandler, RoleHandler>();
        return services.AddAuthorization(options =>
        {
            foreach (var role in Enum.GetValues<ApiRole>())
                options.AddPolicy(Name(role), policy => policy.AddRequirements(new RoleRequirement()));
            options.FallbackPolicy = new AuthorizationPolicyBuilder().AddRequirements(new RoleRequirement()).Build();
        });
    }

    private sealed class RoleRequirement : IAuthorizationRequirement;

    private sealed class RoleHandler : AuthorizationHandler<RoleRequirement>
    {
        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoleRequirement requirement)
        {
            if (context.Resource is HttpContext http && Caller.Find(http) is { } caller && !(NeededFor(http.GetEndpoint()) > caller.Role))
                context.Succeed(requirement);
            return Task.CompletedTask;
        }
    }
}
