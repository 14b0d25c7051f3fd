using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;

namespace Ddpm.Cli.Training;

/// <summary>What was asked of <c>ddpm train</c>; kept as <c>train.json</c> in its folder, so that a run can go on.</summary>
internal sealed record TrainSettings
{
    private const string FileName = "train.json";
    private const double UsualLabelDropout = 0.1;
    private const int ChannelsOfGroup = 4; // as in the article's network: 128 channels in 32 groups

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Absolute path of the dataset that is read.</summary>
    public string Dataset { get; init; } = "";

    /// <summary>Channels of each level, apart by commas.</summary>
    public string Channels { get; init; } = "64,128,128,256";
    public int Layers { get; init; } = 2;

    /// <summary>Resolutions whose level has attention, apart by commas; null for the second level from the bottom, as in the article's notebook.</summary>
    public string? AttentionResolutions { get; init; }

    /// <summary>Groups of every GroupNorm; null for 32, or fewer where a group would have less than four channels.</summary>
    public int? NormGroups { get; init; }
    public double Dropout { get; init; }

    /// <summary>Whether it learns the dataset's classes.</summary>
    public bool ClassConditional { get; init; }

    /// <summary>Null for 0.1 where it learns classes.</summary>
    public double? LabelDropout { get; init; }
    public int Timesteps { get; init; } = 1000;
    public string BetaSchedule { get; init; } = "linear";
    public bool ZeroSnr { get; init; }
    public string PredictionType { get; init; } = "epsilon";
    public string LossWeighting { get; init; } = "uniform";
    public double MinSnrGamma { get; init; } = 5;
    public double P2K { get; init; } = 1;
    public double P2Gamma { get; init; } = 1;
    public int Epochs { get; init; } = 50;

    /// <summary>Counts instead of <see cref="Epochs"/> where it is given.</summary>
    public long? Steps { get; init; }
    public int BatchSize { get; init; } = 16;
    public int Accumulate { get; init; } = 1;
    public double LearningRate { get; init; } = 1e-4;
    public string LearningRateSchedule { get; init; } = "cosine";

    /// <summary>Null for 500, or a tenth of a run shorter than 5,000 steps.</summary>
    public int? Warmup { get; init; }
    public double WeightDecay { get; init; } = 0.01;
    public double Ema { get; init; } = 0.9999;
    public string EmaSchedule { get; init; } = "ramp";
    public double EmaInvGamma { get; init; } = 1;
    public double EmaPower { get; init; } = 2.0 / 3;
    public int EmaUpdateAfterStep { get; init; }
    public string Precision { get; init; } = "float32";
    public bool GradientCheckpointing { get; init; }
    public int SkippedStepsBeforeRollback { get; init; } = 5;
    public int MaxRollbacks { get; init; } = 3;
    public long Seed { get; init; }
    public bool Flip { get; init; } = true;

    public static TrainSettings? Read(string folder)
    {
        var file = Path.Combine(folder, FileName);
        return File.Exists(file) ? JsonSerializer.Deserialize<TrainSettings>(File.ReadAllText(file), Json) : null;
    }

    public void Write(string folder)
    {
        // Beside, then renamed: a run that is killed here can still go on.
        var file = Path.Combine(folder, FileName);
        File.WriteAllText(file + ".partial", JsonSerializer.Serialize(this, Json) + "\n");
        File.Move(file + ".partial", file, overwrite: true);
    }

    /// <summary>The first setting that a resumed run may not change and that differs, as its option's name with both values; null if none does.</summary>
    public string? ConflictWith(TrainSettings saved) => typeof(TrainSettings).GetProperties()
        .Where(property => property.Name is not (nameof(Epochs) or nameof(Steps)) && !Equals(property.GetValue(this), property.GetValue(saved)))
        .Select(property => string.Create(
            CultureInfo.InvariantCulture,
            $"{(property.Name == nameof(Dataset) ? "DATA" : "--" + JsonNamingPolicy.KebabCaseLower.ConvertName(property.Name))} is {property.GetValue(this)}, and was {property.GetValue(saved)}"))
        .FirstOrDefault();

    /// <summary>The network: attention where it was asked for, and in the middle.</summary>
    /// <exception cref="UserErrorException">Attention is asked for at a resolution that no level has.</exception>
    public UNetConfig ToNetwork(ImageDataset dataset)
    {
        var channels = Numbers(Channels);
        var down = DownBlocks(channels.Length, dataset.Height);
        return new UNetConfig
        {
            SampleSize = dataset.Height,
            InChannels = dataset.Channels,
            OutChannels = dataset.Channels,
            BlockOutChannels = channels,
            LayersPerBlock = Layers,
            DownBlockTypes = down,
            UpBlockTypes = UNetConfig.MirroredUpBlocks(down),
            AttentionHeadDim = CommonDivisor(channels, 8),
            NormNumGroups = NormGroups ?? CommonDivisor(channels, Math.Clamp(channels.Min() / ChannelsOfGroup, 1, 32)),
            Dropout = Dropout,
            NumClassEmbeds = ClassConditional ? dataset.Classes.Count + (LabelDropoutOrUsual > 0 ? 1 : 0) : null,
        };
    }

    public NoiseScheduleConfig ToSchedule() => new()
    {
        Timesteps = Timesteps,
        BetaSchedule = BetaSchedule,
        PredictionType = PredictionType,
        RescaleBetasZeroSnr = ZeroSnr,
        TimestepSpacing = ZeroSnr ? "trailing" : null, // leading would never visit the timestep it is about
    };

    public TrainingConfig ToTraining(int images)
    {
        var config = new TrainingConfig
        {
            TotalSteps = 1,
            BatchSize = BatchSize,
            GradientAccumulationSteps = Accumulate,
            LearningRate = LearningRate,
            WeightDecay = WeightDecay,
            LearningRateSchedule = Choice<LearningRateSchedule>(LearningRateSchedule),
            EmaDecay = Ema,
            EmaRise = Choice<EmaRise>(EmaSchedule),
            EmaInvGamma = EmaInvGamma,
            EmaPower = EmaPower,
            EmaUpdateAfterStep = EmaUpdateAfterStep,
            LossWeighting = new LossWeighting { Kind = Choice<LossWeightingKind>(LossWeighting), MinSnrGamma = MinSnrGamma, P2K = P2K, P2Gamma = P2Gamma },
            LabelDropout = LabelDropoutOrUsual,
            Precision = Choice<TrainingPrecision>(Precision),
            GradientCheckpointing = GradientCheckpointing,
            SkippedStepsBeforeRollback = SkippedStepsBeforeRollback,
            MaxRollbacks = MaxRollbacks,
            Seed = (ulong)Seed,
            HorizontalFlip = Flip,
        };
        var total = Steps ?? Trainer.StepsOf(Epochs, images, config);
        return config with { TotalSteps = total, WarmupSteps = Warmup ?? (int)Math.Min(500, total / 10) };
    }

    private double LabelDropoutOrUsual => ClassConditional ? LabelDropout ?? UsualLabelDropout : 0;

    // min_snr is MinSnr; the options let no other words pass.
    private static T Choice<T>(string word)
        where T : struct, Enum => Enum.Parse<T>(word.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);

    private IReadOnlyList<string> DownBlocks(int levels, int size)
    {
        if (AttentionResolutions is null)
            return UNetConfig.ArticleDownBlocks(levels);
        var asked = Numbers(AttentionResolutions);
        int[] ofLevels = [.. Enumerable.Range(0, levels).Select(level => size >> level)];
        if (asked.Except(ofLevels).ToList() is [var stray, ..])
            throw new UserErrorException($"--attention-resolutions names {stray}; the levels of this network are at {string.Join(", ", ofLevels)}.");
        return UNetConfig.DownBlocks(levels, level => asked.Contains(ofLevels[level]));
    }

    private static int[] Numbers(string list) => [.. list.Split(',').Select(part => int.Parse(part, CultureInfo.InvariantCulture))];

    // Small networks need fewer groups and narrower heads than the usual 32 and 8. A group of one channel would be worse than none: it takes away
    // how strong the channel is, and with it how much noise there is.
    private static int CommonDivisor(int[] channels, int usual) =>
        channels.Aggregate(usual, (divisor, channel) => (int)BigInteger.GreatestCommonDivisor(divisor, channel));
}
