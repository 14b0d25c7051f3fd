using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Ddpm.Api.Datasets;
using Ddpm.Api.Evaluations;
using Ddpm.Api.Http;
using Ddpm.Api.Models;
using Ddpm.Api.Samples;
using Ddpm.Api.TrainingRuns;
using Ddpm.Hostile.Reading;

namespace Ddpm.Hostile.Fuzzing;

/// <summary>The bodies of requests: JSON made from the fields that a model has, with values that belong there or do not.</summary>
internal static class RequestTarget
{
    private static readonly JsonSerializerOptions _json = Readers.Json;

    private static readonly string[] _values = ["null", "true", "false", "0", "-0", "-1", "1", "2", "8", "64", "0.5", "1e308", "1e999", "-1e-400", "9007199254740993", "99999999999999999999", "1.0", "\"\"", "\"a\"", "\"\\u0000\"",
        "\"\\ud800\"", "\"01900000-0000-7000-8000-000000000000\"", "\"iVBORw0KGgo=\"", "\"ddim\"", "\"ddpm\"", "\"builtin\"", "\"directory\"", "\"huggingface\"", "\"/etc\"", "\"../..\"", "\"a/b\"", "\"picture\"", "\"inpaint\"", "\"interpolate\"",
        "\"cosine\"", "\"squaredcos_cap_v2\"", "\"DownBlock2D\"", "\"bits-per-dim\"", "[]", "{}", "[null]", "[1,2]", "[32,64]", "[20,10,0]", "[[[[]]]]", "\"#ff8800\"", "[\"swd\"]"];

    private static readonly (Type Type, Action<byte[]> Read)[] _models =
    [
        Model<CreateSamples>(SampleRules.Check),
        Model<CreateTrainingRun>((request, faults) => TrainingRules.Check(request, null, faults)),
        Model<CreateDataset>((request, _) => DatasetRules.SourceOf(request, new DatasetsOptions())),
        Model<CreateEvaluation>((request, faults) => EvaluationRules.Check(request, null, faults)),
        Model<ResumeTrainingRun>((_, _) => { }),
        Model<UploadDataset>((_, _) => { }),
        Model<CreateModel>((_, _) => { }),
        Model<ImportModel>((_, _) => { }),
        Model<PutModel>((_, _) => { }),
    ];

    // The first byte says whose body the rest is.
    public static FuzzTarget Target { get; } = new("request bodies", random =>
    {
        var model = random.Next(_models.Length);
        var body = Encoding.UTF8.GetBytes(Object(_json.GetTypeInfo(_models[model].Type), random, 0));
        return [(byte)model, .. random.Next(3) == 0 ? Mutation.Of(body, [body], random) : body];
    }, Refusal);

    private static (Type, Action<byte[]>) Model<T>(Action<T, Faults> check)
    {
        return (typeof(T), Read);

        void Read(byte[] body)
        {
            var faults = new Faults();
            check(JsonBody.Parse<T>(body, _json), faults);
            faults.ThrowIfAny();
        }
    }

    private static string? Refusal(byte[] input)
    {
        try
        {
            _models[input[0]].Read(input[1..]);
            return null;
        }
        catch (RequestProblem problem)
        {
            return problem.Details.Status is >= 400 and < 500 ? problem.Message : throw new InvalidOperationException($"The request is answered with {problem.Details.Status}.");
        }
    }

    private static string Object(JsonTypeInfo type, Random random, int depth)
    {
        var fields = new List<string>();
        for (var n = random.Next(6); n > 0 && type.Properties.Count > 0; n--)
        {
            var property = type.Properties[random.Next(type.Properties.Count)];
            fields.Add($"\"{(random.Next(32) == 0 ? "stray" : property.Name)}\":{Value(property, random, depth)}");
        }
        foreach (var required in type.Properties.Where(property => property.IsRequired && random.Next(4) > 0))
            fields.Add($"\"{required.Name}\":{Value(required, random, depth)}");
        return $"{{{string.Join(',', random.Next(8) == 0 ? fields : fields.DistinctBy(field => field.Split(':')[0]))}}}";
    }

    private static string Value(JsonPropertyInfo property, Random random, int depth)
    {
        var type = _json.GetTypeInfo(property.PropertyType);
        if (type.Kind == JsonTypeInfoKind.Object && depth < 4 && random.Next(4) > 0)
            return Object(type, random, depth + 1);
        var isNumber = Type.GetTypeCode(Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) is TypeCode.Int32 or TypeCode.Int64 or TypeCode.Double;
        return isNumber && random.Next(3) > 0 ? random.Next(0, 300).ToString(CultureInfo.InvariantCulture) : _values[random.Next(_values.Length)];
    }
}
