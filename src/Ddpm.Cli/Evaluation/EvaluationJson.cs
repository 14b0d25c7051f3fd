using System.Text.Json;
using System.Text.Json.Serialization;
using Ddpm.Engine.Data;
using Ddpm.Engine.Evaluation;

namespace Ddpm.Cli.Evaluation;

/// <summary>An evaluation for programs: what was asked and what came of it.</summary>
internal static class EvaluationJson
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new FiniteNumber() },
    };

    public static string Of(EvaluationReport report, string model, ImageDataset dataset, EvaluationRequest request) => JsonSerializer.Serialize(
        new
        {
            Model = model,
            Dataset = new { dataset.Sha256, dataset.Count },
            request.Images,
            request.Seed,
            request.Timesteps,
            report.BitsPerDimension,
            report.Features,
            report.SlicedWasserstein,
            report.SlicedWassersteinOfDataset,
            report.Memorisation,
        },
        Options);

    // A standard error that one observation cannot give is not a number, and JSON has no such thing.
    private sealed class FiniteNumber : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value))
                writer.WriteNumberValue(value);
            else
                writer.WriteNullValue();
        }
    }
}
