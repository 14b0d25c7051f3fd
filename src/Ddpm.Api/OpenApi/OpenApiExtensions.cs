using Ddpm.Jobs.Life;

namespace Ddpm.Api.OpenApi;

/// <summary>The document at /openapi/v1.json and the page at /swagger.</summary>
internal static class OpenApiExtensions
{
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

        swagger.SupportNonNullableReferenceTypes();
        swagger.CustomSchemaIds(SchemaId);
        swagger.OperationFilter<DescribeOperation>();
        swagger.SchemaFilter<DescribeSchema>();
        swagger.DocumentAsyncFilter<LiveExamples>();
    });

    public static void MapDdpmOpenApi(this WebApplication app)
    {
        app.MapSwagger("/openapi/{documentName}.json");
        app.UseSwaggerUI(page =>
        {
            page.RoutePrefix = "swagger";
            page.DocumentTitle = "Ddpm";
            page.SwaggerEndpoint("/openapi/v1.json", "Ddpm v1");
            page.EnableTryItOutByDefault();
            page.DisplayRequestDuration();
        });
    }

    private static string SchemaId(Type type) => type.IsGenericType
        ? string.Concat(type.GetGenericArguments().Select(SchemaId)) + type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]
        : type.Name;
}
