using System.Text.Json.Nodes;
using Ddpm.Api.Keys;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Ddpm.Api.OpenApi;

/// <summary>Fills the examples with ids that exist, the newest of each kind, so that "Try it out" works at once.</summary>
internal sealed class LiveExamples(DdpmDbContextFactory databases, IHttpContextAccessor requests, CallerLookup callers) : IDocumentAsyncFilter
{
    private static readonly Guid None = new("01900000-0000-7000-8000-000000000000");

    public async Task ApplyAsync(OpenApiDocument document, DocumentFilterContext context, CancellationToken cancellationToken)
    {
        // The document is open to everybody, so nobody has asked yet who this is.
        var caller = requests.HttpContext is { } request ? (await callers.FindAsync(request)).Caller : null;
        await using var db = databases.CreateDbContext(caller is null ? Account.Shared : caller.OnlyAccount);
        var preview = await db.TrainingPreviews.OrderByDescending(row => row.At).FirstOrDefaultAsync(cancellationToken);
        var ids = new Dictionary<string, JsonNode>
        {
            ["datasets"] = Newest(await db.Datasets.Where(row => row.DeletedAt == null && row.CacheKey != null).MaxAsync(row => (Guid?)row.Id, cancellationToken)),
            ["training-runs"] = Newest(preview?.TrainingRunId ?? await db.TrainingRuns.MaxAsync(row => (Guid?)row.Id, cancellationToken)),
            ["checkpoints"] = Newest(await db.Checkpoints.MaxAsync(row => (Guid?)row.Id, cancellationToken)),
            ["samples"] = Newest(await db.SampleBatches.MaxAsync(row => (Guid?)row.Id, cancellationToken)),
            ["evaluations"] = Newest(await db.Evaluations.MaxAsync(row => (Guid?)row.Id, cancellationToken)),
            ["name"] = (await db.Models.OrderBy(row => row.Name).Select(row => row.Name).FirstOrDefaultAsync(cancellationToken)) ?? "faces-32",
            ["step"] = preview?.Step ?? 1,
            ["n"] = 0,
        };
        foreach (var (path, item) in document.Paths)
        {
            var kind = path.Trim('/').Split('/')[0];
            foreach (var (method, operation) in item.Operations!)
            {
                FillIn(operation, kind, ids);
                if (method != HttpMethod.Get) // nobody's model is to be moved or deleted by trying the examples
                    NameOf(operation)?.Example = "my-model";
            }
        }
    }

    private static OpenApiParameter? NameOf(OpenApiOperation operation) =>
        (operation.Parameters ?? []).OfType<OpenApiParameter>().FirstOrDefault(parameter => parameter is { In: ParameterLocation.Path, Name: "name" });

    private static void FillIn(OpenApiOperation operation, string kind, Dictionary<string, JsonNode> ids)
    {
        foreach (var parameter in (operation.Parameters ?? []).OfType<OpenApiParameter>().Where(parameter => parameter.In == ParameterLocation.Path))
        {
            parameter.Example = (parameter.Name == "id" ? ids[kind] : ids[parameter.Name!]).DeepClone();
            parameter.Description ??= parameter.Name switch
            {
                "id" => "The id that making it returned.",
                "name" => "The model's name.",
                "step" => "An optimizer step that has a preview.",
                _ => "Which of its pictures, from 0.",
            };
        }

        foreach (var content in operation.RequestBody?.Content?.Values ?? [])
        {
            foreach (var (field, placeholder, of) in new[] { ("datasetId", "{datasetId}", "datasets"), ("checkpointId", "{checkpointId}", "checkpoints") })
            {
                if (content.Example is JsonObject example && (string?)example[field] == placeholder)
                    example[field] = ids[of].DeepClone();
            }
        }
    }

    // As text: the document's writer leaves out what is no JSON type.
    private static JsonValue Newest(Guid? id) => JsonValue.Create($"{id ?? None}");
}
