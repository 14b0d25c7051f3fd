using System.Collections.Frozen;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ddpm.Api.Datasets;
using Ddpm.Api.Evaluations;
using Ddpm.Api.Samples;
using Ddpm.Api.TrainingRuns;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Training;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Ddpm.Api.OpenApi;

/// <summary>Adds the defaults of the request records, read from an instance of each, and the values that a field is limited to.</summary>
internal sealed class DescribeSchema(IOptions<JsonOptions> json) : ISchemaFilter
{
    private static readonly FrozenDictionary<Type, object> Defaults = new object[]
    {
        new UploadDataset(), new CreateSamples(), new NetworkSpec(), new ScheduleSpec(), new OptimizationSpec(), new ResumeTrainingRun(),
        new CreateEvaluation { DatasetId = Guid.Empty }, new FeatureSpec { Network = "" },
    }.ToFrozenDictionary(instance => instance.GetType());

    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (context.MemberInfo?.GetCustomAttributes(typeof(AllowedValuesAttribute), inherit: true) is [AllowedValuesAttribute allowed]
            && schema is OpenApiSchema limited)
            limited.Enum = [.. allowed.Values.OfType<object>().Select(value => JsonSerializer.SerializeToNode(value)!)];

        if (Instance(context.Type) is not { } instance || schema.Properties is null)
            return;
        var values = (JsonObject)JsonSerializer.SerializeToNode(instance, instance.GetType(), json.Value.SerializerOptions)!;
        foreach (var (name, property) in schema.Properties)
        {
            if (property is OpenApiSchema concrete && schema.Required?.Contains(name) != true && values[name] is { } value)
                concrete.Default = value.DeepClone();
        }
    }

    private static object? Instance(Type type) =>
        Defaults.GetValueOrDefault(type) ?? (type == typeof(CreateDataset) ? Defaults[typeof(UploadDataset)] : null);
}
