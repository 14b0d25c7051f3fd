using System.Text.Json;
using System.Text.Json.Nodes;
using Ddpm.Api.Http;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Ddpm.Api.OpenApi;

/// <summary>Adds to an operation what its handler reads from the request by itself: body, paging, <c>Prefer</c>, <c>Idempotency-Key</c>.</summary>
internal sealed class DescribeOperation : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        var metadata = context.ApiDescription.ActionDescriptor.EndpointMetadata;
        operation.Parameters = [.. (operation.Parameters ?? []).Where(parameter => parameter.In == ParameterLocation.Path)];
        foreach (var query in metadata.OfType<QueryMetadata>())
            operation.Parameters.Add(Query(query.Name, query.Description, TypeOf(query.Type), query.Example));

        var read = context.MethodInfo.GetParameters().Select(parameter => parameter.ParameterType).ToHashSet();
        if (read.Contains(typeof(PageQuery)))
        {
            var limit = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "1", Maximum = $"{PageQuery.MaxLimit}", Default = PageQuery.DefaultLimit };
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = "limit",
                In = ParameterLocation.Query,
                Description = "At most so many items.",
                Schema = limit,
                Example = PageQuery.DefaultLimit,
            });
            operation.Parameters.Add(Query("cursor", "The nextCursor of the page before; left out for the first page.", JsonSchemaType.String, null));
        }

        if (read.Contains(typeof(Preference)))
            operation.Parameters.Add(Header("Prefer", "`wait=N`: answer 200 with the finished resource if it ends within N seconds (at most 60).", "wait=60"));
        if (read.Contains(typeof(IdempotencyKey)))
            operation.Parameters.Add(Header(
                "Idempotency-Key", "The same key and body make one resource however often they are sent; the same key with another body is refused.", null));
        AddBody(operation, context, metadata);
        DescribeResponses(operation);
    }

    private static void AddBody(OpenApiOperation operation, OperationFilterContext context, IList<object> metadata)
    {
        var json = metadata.OfType<JsonBodyMetadata>().SingleOrDefault();
        var upload = metadata.OfType<UploadMetadata>().SingleOrDefault();
        operation.RequestBody = null;
        if (json is null)
            return;
        var content = new Dictionary<string, OpenApiMediaType>
        {
            ["application/json"] = new()
            {
                Schema = context.SchemaGenerator.GenerateSchema(json.Type, context.SchemaRepository),
                Example = JsonNode.Parse(json.Example),
            },
        };
        if (upload is not null)
            content["multipart/form-data"] = new() { Schema = FormSchema(upload, context) };
        operation.RequestBody = new OpenApiRequestBody
        {
            Content = content,
            Required = json.Type.GetProperties().Any(property => property.IsDefined(typeof(System.Runtime.CompilerServices.RequiredMemberAttribute), true)),
        };
    }

    private static OpenApiSchema FormSchema(UploadMetadata upload, OperationFilterContext context)
    {
        context.SchemaGenerator.GenerateSchema(upload.Fields, context.SchemaRepository);
        var fields = context.SchemaRepository.Schemas[upload.Fields.Name];
        var schema = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["file"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary", Description = upload.Description },
            },
            Required = new HashSet<string>([.. fields.Required ?? new HashSet<string>(), "file"]),
        };
        foreach (var (name, property) in fields.Properties ?? new Dictionary<string, IOpenApiSchema>())
            schema.Properties[name] = property;
        return schema;
    }

    private static void DescribeResponses(OpenApiOperation operation)
    {
        foreach (var (status, response) in operation.Responses ?? [])
        {
            response.Description = status switch
            {
                "200" => "Done.",
                "201" => "Made.",
                "202" => "Accepted: watch the resource at Location.",
                "204" => "Deleted.",
                "304" => "You have it already.",
                "400" => "The request cannot be accepted as it is; errors says why, field by field.",
                "401" => "A key is needed, or the one shown is not accepted.",
                "403" => "The key's role does not suffice.",
                "404" => "There is no such thing.",
                "409" => "Not possible in its present state.",
                "413" => "The body is too large.",
                "415" => "The content type is not one of those accepted.",
                "422" => "The Idempotency-Key was used with another body.",
                "429" => "Too many requests: wait as long as Retry-After says.",
                _ => response.Description,
            };
        }
    }

    private static OpenApiParameter Query(string name, string description, JsonSchemaType type, object? example) => new()
    {
        Name = name,
        In = ParameterLocation.Query,
        Description = description,
        Schema = new OpenApiSchema { Type = type },
        Example = example is null ? null : JsonSerializer.SerializeToNode(example),
    };

    private static OpenApiParameter Header(string name, string description, string? example) => new()
    {
        Name = name,
        In = ParameterLocation.Header,
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        Example = example is null ? null : JsonValue.Create(example),
    };

    private static JsonSchemaType TypeOf(string name) => name switch
    {
        "integer" => JsonSchemaType.Integer,
        "boolean" => JsonSchemaType.Boolean,
        _ => JsonSchemaType.String,
    };
}
