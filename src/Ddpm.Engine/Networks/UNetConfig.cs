using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Ddpm.Engine.Networks;

/// <summary>The configuration of diffusers' <c>UNet2DModel</c> 0.40: same keys, same defaults, same meaning.</summary>
/// <remarks>A key that is absent takes the default of that class; a key that is present with an unsupported value is refused by name.</remarks>
public sealed record UNetConfig
{
    /// <summary>Side of the pictures in pixels; null where any size is meant. At least 1.</summary>
    [JsonConverter(typeof(SampleSizeConverter))]
    public int? SampleSize { get; init; }

    /// <summary>Channels of x_t. At least 1; default 3.</summary>
    public int InChannels { get; init; } = 3;

    /// <summary>Channels of the output: <see cref="InChannels"/>, or twice as many where the variance is learned too. Default 3.</summary>
    public int OutChannels { get; init; } = 3;

    /// <summary>Whether x is mapped to 2x − 1 first.</summary>
    public bool CenterInputSample { get; init; }

    /// <summary><c>positional</c> (sinusoids) or <c>fourier</c> (random frequencies of log t; the output is then divided by t).</summary>
    public string TimeEmbeddingType { get; init; } = "positional";

    /// <summary>Width of the time embedding; null for four times the first level's channels.</summary>
    public int? TimeEmbeddingDim { get; init; }

    /// <summary>Subtracted from the count of frequencies in the exponent of the sinusoids.</summary>
    public double FreqShift { get; init; }

    /// <summary>Whether the sinusoids are ordered [cos, sin] instead of [sin, cos].</summary>
    public bool FlipSinToCos { get; init; } = true;

    /// <summary>Types of the levels from the full resolution down.</summary>
    public IReadOnlyList<string> DownBlockTypes { get; init; } = ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"];

    /// <summary><c>UNetMidBlock2D</c>, or null for none.</summary>
    public string? MidBlockType { get; init; } = "UNetMidBlock2D";

    /// <summary>Types of the levels from the lowest resolution up.</summary>
    public IReadOnlyList<string> UpBlockTypes { get; init; } = ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"];

    /// <summary>Channels of each level, from the full resolution down; each a multiple of <see cref="NormNumGroups"/>.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; init; } = [224, 448, 672, 896];

    /// <summary>Residual blocks of each level on the way down; one more on the way up.</summary>
    public int LayersPerBlock { get; init; } = 2;

    /// <summary>The middle block's residual and attention results are divided by this.</summary>
    public double MidBlockScaleFactor { get; init; } = 1;

    /// <summary>Padding of the stride-2 convolutions: 1, or 0 for zeros at the right and bottom only.</summary>
    public int DownsamplePadding { get; init; } = 1;

    /// <summary>How the Attn blocks halve the resolution: <c>conv</c> or <c>resnet</c>.</summary>
    public string DownsampleType { get; init; } = "conv";

    /// <summary>How the Attn blocks double the resolution: <c>conv</c> or <c>resnet</c>.</summary>
    public string UpsampleType { get; init; } = "conv";

    /// <summary>Probability of dropping an activation inside residual blocks, in [0, 1).</summary>
    public double Dropout { get; init; }

    /// <summary>Activation inside residual blocks: silu (also called swish), relu, gelu or mish.</summary>
    public string ActFn { get; init; } = "silu";

    /// <summary>Channels of each attention head; null for a single head.</summary>
    public int? AttentionHeadDim { get; init; } = 8;

    /// <summary>Groups of every GroupNorm.</summary>
    public int NormNumGroups { get; init; } = 32;

    /// <summary>Groups of the middle attention's norm; null for <see cref="NormNumGroups"/> (and for no norm at all under scale_shift).</summary>
    public int? AttnNormNumGroups { get; init; }

    /// <summary>ε of every GroupNorm.</summary>
    public double NormEps { get; init; } = 1e-5;

    /// <summary>How the time embedding enters a residual block: <c>default</c> (added) or <c>scale_shift</c>.</summary>
    public string ResnetTimeScaleShift { get; init; } = "default";

    /// <summary>Whether the middle block has attention.</summary>
    public bool AddAttention { get; init; } = true;

    /// <summary>Only null is supported; <see cref="NumClassEmbeds"/> gives a learned embedding a class.</summary>
    public string? ClassEmbedType { get; init; }

    /// <summary>Classes, each with a learned embedding; null for an unconditional network.</summary>
    public int? NumClassEmbeds { get; init; }

    /// <summary>Unused by the supported time embeddings; kept for the round trip.</summary>
    public int? NumTrainTimesteps { get; init; }

    /// <summary>Width of the time embedding.</summary>
    [JsonIgnore]
    public int TimeEmbeddingWidth => TimeEmbeddingDim ?? BlockOutChannels[0] * 4;

    /// <summary>Heights and widths must be multiples of this: 2 to the number of halvings.</summary>
    [JsonIgnore]
    public int SizeMultiple => 1 << (BlockOutChannels.Count - 1);

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        RespectNullableAnnotations = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
    };

    // What EMAModel.save_pretrained adds to a network's config.json; it describes the average, not the network.
    private static readonly HashSet<string> EmaKeys =
        ["decay", "inv_gamma", "power", "optimization_step", "update_after_step", "use_ema_warmup", "min_decay"];

    /// <summary>Reads <c>config.json</c> and checks it.</summary>
    /// <exception cref="UNetConfigException">Not JSON, another class, an unknown key or an unsupported value.</exception>
    public static UNetConfig FromJson(string json)
    {
        try
        {
            if (JsonNode.Parse(json, documentOptions: new() { AllowDuplicateProperties = false }) is not JsonObject keys)
                throw new UNetConfigException(["The network's configuration must be a JSON object."]);
            if (keys["_class_name"]?.ToString() is { } name && name != "UNet2DModel")
                throw new UNetConfigException([$"_class_name is '{name}'; only UNet2DModel is supported."]);
            // An unknown key set to null asks for nothing, so a file of a newer diffusers that only names new options still loads.
            var ignored = keys.Where(key => key.Key.StartsWith('_') || EmaKeys.Contains(key.Key) || (key.Value is null && !Known(key.Key)))
                .Select(key => key.Key).ToList();
            ignored.ForEach(key => keys.Remove(key));
            var config = keys.Deserialize<UNetConfig>(Json)!;
            config.Validate();
            return config;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new UNetConfigException([$"The network's configuration cannot be read at '{(fault as JsonException)?.Path ?? "$"}': {Refusal.OfJson(fault)}"]);
        }
    }

    /// <summary>Writes <c>config.json</c> as diffusers does: sorted keys, every key present.</summary>
    public string ToJson()
    {
        var keys = new SortedDictionary<string, JsonNode?>(StringComparer.Ordinal)
        {
            ["_class_name"] = "UNet2DModel",
            ["_diffusers_version"] = "0.40.0",
        };
        foreach (var (key, value) in JsonSerializer.SerializeToNode(this, Json)!.AsObject())
            keys[key] = value?.DeepClone();
        return JsonSerializer.Serialize(keys, Json) + "\n";
    }

    /// <summary>Down blocks with attention at the second level from the bottom, as in the article's notebook; none where there is one level.</summary>
    public static IReadOnlyList<string> ArticleDownBlocks(int levels) => DownBlocks(levels, level => level == levels - 2);

    /// <summary>Down blocks, from the full resolution down, with attention where <paramref name="attends"/> says so of a level.</summary>
    public static IReadOnlyList<string> DownBlocks(int levels, Func<int, bool> attends) =>
        [.. Enumerable.Range(0, levels).Select(level => attends(level) ? "AttnDownBlock2D" : "DownBlock2D")];

    /// <summary>The up blocks, from the lowest resolution up, that mirror <paramref name="downBlocks"/>.</summary>
    public static IReadOnlyList<string> MirroredUpBlocks(IReadOnlyList<string> downBlocks) =>
        [.. downBlocks.Reverse().Select(type => type.Replace("Down", "Up", StringComparison.Ordinal))];

    /// <summary>Checks every field and every relation between fields.</summary>
    /// <exception cref="UNetConfigException">With one sentence for each fault.</exception>
    public void Validate()
    {
        var faults = UNetConfigValidator.Faults(this).ToList();
        if (faults.Count > 0)
            throw new UNetConfigException(faults);
    }

    private static bool Known(string key) =>
        typeof(UNetConfig).GetProperties().Any(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name) == key);

    // diffusers writes a number, or [height, width]; only squares have one number here.
    private sealed class SampleSizeConverter : JsonConverter<int?>
    {
        public override int? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType == JsonTokenType.Null)
                return null;
            if (reader.TokenType == JsonTokenType.Number)
                return reader.GetInt32();
            var sizes = JsonSerializer.Deserialize<int[]>(ref reader, options);
            return sizes is [var height, var width] && height == width
                ? height
                : throw new JsonException("sample_size must be one number, or two equal ones.");
        }

        public override void Write(Utf8JsonWriter writer, int? value, JsonSerializerOptions options)
        {
            if (value is { } size)
                writer.WriteNumberValue(size);
            else
                writer.WriteNullValue();
        }

        public override bool HandleNull => true;
    }
}
