using Ddpm.Jobs.Life;
using Microsoft.OpenApi;

namespace Ddpm.Api.OpenApi;

/// <summary>The document at /openapi/v1.json and the page at /swagger.</summary>
internal static class OpenApiExtensions
{
    private const string KeyScheme = "key";

    public static IServiceCollection AddDdpmOpenApi(this IServiceCollection services) => services.AddEndpointsApiExplorer().AddSwaggerGen(swagger =>
    {
        swagger.SwaggerDoc("v1", new()
        {
            Title = "Ddpm",
            Version = "v1",
            Description = "Train denoising diffusion models (DDPM, Ho et al. 2020) on your own pictures and draw with them. Long work answers 202 with a "
                + "Location to watch; `Prefer: wait=N` waits for its end. Errors are problem details (RFC 9457) that name each bad field.",
        });
        foreach (var assembly in new[] { typeof(OpenApiExtensions).Assembly, typeof(Job).Assembly })
        {
            if (Path.Combine(AppContext.BaseDirectory, $"{assembly.GetName().Name}.xml") is var comments && File.Exists(comments))
                swagger.IncludeXmlComments(comments);
        }

        swagger.AddSecurityDefinition(KeyScheme, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "A key of this server, such as ddpm_…; none is needed on the server's own machine while there are no keys.",
        });
        swagger.AddSecurityRequirement(document => new() { [new(KeyScheme, document)] = [] });
        swagger.SupportNonNullableReferenceTypes();
        swagger.CustomSchemaIds(SchemaId);
        swagger.OperationFilter<DescribeOperation>();
        swagger.SchemaFilter<DescribeSchema>();
        swagger.DocumentAsyncFilter<LiveExamples>();
    });

    /// <summary>The document: open to everybody, since it is what "Authorize" on the page is read from; its examples are those of whoever asks.</summary>
    public static void MapDdpmOpenApi(this WebApplication app) => app.MapSwagger("/openapi/{documentName}.json").AllowAnonymous();

    /// <summary>The page: files of a library, open to everybody.</summary>
    public static void UseDdpmSwaggerPage(this WebApplication app) => app.UseSwaggerUI(page =>
    {
        page.RoutePrefix = "swagger";
        page.DocumentTitle = "Ddpm";
        page.SwaggerEndpoint("/openapi/v1.json", "Ddpm v1");
        page.EnableTryItOutByDefault();
        page.DisplayRequestDuration();
    });

    private static string SchemaId(Type type) => type.IsGenericType
        ? string.Concat(type.GetGenericArguments().Select(SchemaId)) + type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]
        : type.Name;
}
