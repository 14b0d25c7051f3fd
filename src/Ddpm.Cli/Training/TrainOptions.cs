using System.CommandLine;
using Ddpm.Cli.CommandLine;

namespace Ddpm.Cli.Training;

/// <summary>The options of <c>ddpm train</c> that decide what a run ends in: kept with the run, and not to be changed when it goes on.</summary>
internal sealed class TrainOptions
{
    private const long LargestSeed = 9_007_199_254_740_991; // 2⁵³ − 1: exact in JSON everywhere

    private static readonly TrainSettings Usual = new();

    private readonly Option<string> _channels = Arguments.List("--channels", "Channels of each level of the network, from the full resolution down.", 8, 4, 2048, Usual.Channels);
    private readonly Option<int> _layers = Arguments.Number("--layers", "Residual blocks of each level.", 1, 8, Usual.Layers);
    private readonly Option<string?> _attention = Arguments.OptionalList(
        "--attention-resolutions", "Resolutions in pixels whose level has self-attention; that of the second level from the bottom if not given.", 8, 1, 512);
    private readonly Option<int?> _normGroups = Arguments.OptionalNumber(
        "--norm-groups", "Groups of every GroupNorm, a divisor of all channels; 32, or fewer where a group would have less than four channels, if not given.", 1, 256);
    private readonly Option<double> _dropout = Arguments.Number("--dropout", "Probability of dropping an activation.", 0, 0.9, Usual.Dropout);
    private readonly Option<bool> _classConditional = new("--class-conditional") { Description = "Learn the classes, the sub-folders of DATA, so that samples can be asked for by class." };
    private readonly Option<double?> _labelDropout = Arguments.OptionalNumber("--label-dropout", "Probability of training on a picture without its class, for guidance; 0.1 if not given.", 0.0, 1);
    private readonly Option<int> _timesteps = Arguments.Number("--timesteps", "Diffusion steps T.", 10, 10_000, Usual.Timesteps);
    private readonly Option<string?> _betaSchedule = Arguments.Choice("--beta-schedule", "Noise schedule:", Usual.BetaSchedule, "linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid");
    private readonly Option<bool> _zeroSnr = new("--zero-snr") { Description = "Leave nothing of the picture at the last timestep (Lin et al. 2024); for --prediction-type v_prediction or sample." };
    private readonly Option<string?> _predictionType = Arguments.Choice("--prediction-type", "What the network learns to predict, noise, picture or velocity:", Usual.PredictionType, "epsilon", "sample", "v_prediction");
    private readonly Option<string?> _lossWeighting = Arguments.Choice("--loss-weighting", "How much each timestep counts:", Usual.LossWeighting, "uniform", "min_snr", "p2");
    private readonly Option<double> _minSnrGamma = Arguments.Number("--min-snr-gamma", "γ of min_snr.", 1e-3, 1e3, Usual.MinSnrGamma);
    private readonly Option<double> _p2K = Arguments.Number("--p2-k", "k of p2.", 1e-3, 1e3, Usual.P2K);
    private readonly Option<double> _p2Gamma = Arguments.Number("--p2-gamma", "γ of p2.", 0.0, 10, Usual.P2Gamma);
    private readonly Option<int> _epochs = Arguments.Number("--epochs", "Passes over the pictures.", 1, 100_000, Usual.Epochs);
    private readonly Option<long?> _steps = Arguments.OptionalNumber("--steps", "Optimizer steps in all, instead of --epochs.", 1L, 100_000_000L);
    private readonly Option<int> _batchSize = Arguments.Number("--batch-size", "Pictures of one pass.", 1, 4096, Usual.BatchSize);
    private readonly Option<int> _accumulate = Arguments.Number("--accumulate", "Passes averaged into one optimizer step.", 1, 1024, Usual.Accumulate);
    private readonly Option<double> _learningRate = Arguments.Number("--learning-rate", "Highest learning rate of AdamW.", 1e-8, 1, Usual.LearningRate);
    private readonly Option<string?> _learningRateSchedule = Arguments.Choice("--learning-rate-schedule", "How the rate moves after the warm-up:", Usual.LearningRateSchedule, "cosine", "linear", "constant");
    private readonly Option<int?> _warmup = Arguments.OptionalNumber("--warmup", "Steps in which the rate rises from 0; 500, or a tenth of a short run, if not given.", 0, 1_000_000);
    private readonly Option<double> _weightDecay = Arguments.Number("--weight-decay", "Decoupled weight decay.", 0.0, 1, Usual.WeightDecay);
    private readonly Option<double> _ema = Arguments.Number("--ema", "Highest decay of the average of the weights; 0 for none.", 0, 0.999999, Usual.Ema);
    private readonly Option<string?> _emaSchedule = Arguments.Choice("--ema-schedule", "How the decay of the average comes to its highest:", Usual.EmaSchedule, "ramp", "warmup", "fixed");
    private readonly Option<double> _emaInvGamma = Arguments.Number("--ema-inv-gamma", "γ of that warm-up.", 1e-3, 1e6, Usual.EmaInvGamma);
    private readonly Option<double> _emaPower = Arguments.Number("--ema-power", "Exponent of that warm-up.", 0.01, 10, Usual.EmaPower);
    private readonly Option<int> _emaUpdateAfterStep = Arguments.Number("--ema-update-after-step", "Steps before the average begins.", 0, 100_000_000, Usual.EmaUpdateAfterStep);
    private readonly Option<string?> _precision = Arguments.Choice("--precision", "What the network computes in (weights stay float32):", Usual.Precision, "float32", "bfloat16", "float16");
    private readonly Option<bool> _gradientCheckpointing = new("--gradient-checkpointing") { Description = "Compute blocks again in the backward pass: less memory, a third more time." };
    private readonly Option<int> _skippedStepsBeforeRollback = Arguments.Number(
        "--skipped-steps-before-rollback", "Steps in a row without a finite loss and gradient, which move nothing, before the run goes back to its newest checkpoint with half the rate.", 1, 1000, Usual.SkippedStepsBeforeRollback);
    private readonly Option<int> _maxRollbacks = Arguments.Number("--max-rollbacks", "How often it may go back before it fails.", 0, 100, Usual.MaxRollbacks);
    private readonly Option<long> _seed = Arguments.Number("--seed", "Decides first weights, order, flips and noise.", 0, LargestSeed, Usual.Seed);
    private readonly Option<bool> _flip = new("--flip") { Description = "Mirror half of the pictures, which is on unless you say '--flip false', as for letters.", DefaultValueFactory = _ => Usual.Flip };

    public void AddTo(Command command)
    {
        Option[] all =
        [
            _channels, _layers, _attention, _normGroups, _dropout, _classConditional, _labelDropout, _timesteps, _betaSchedule, _zeroSnr, _predictionType,
            _lossWeighting, _minSnrGamma, _p2K, _p2Gamma, _epochs, _steps, _batchSize, _accumulate, _learningRate, _learningRateSchedule, _warmup,
            _weightDecay, _ema, _emaSchedule, _emaInvGamma, _emaPower, _emaUpdateAfterStep, _precision, _gradientCheckpointing,
            _skippedStepsBeforeRollback, _maxRollbacks, _seed, _flip,
        ];
        foreach (var option in all)
            command.Add(option);
    }

    /// <summary>What the command line asks for; what is not on it stays as it is in <paramref name="otherwise"/>.</summary>
    public TrainSettings Asked(ParseResult parsed, TrainSettings otherwise)
    {
        T Of<T>(Option<T> option, T usual) => parsed.GetResult(option) is { Implicit: false } ? parsed.GetValue(option)! : usual;
        return otherwise with
        {
            Channels = Of(_channels, otherwise.Channels),
            Layers = Of(_layers, otherwise.Layers),
            AttentionResolutions = Of(_attention, otherwise.AttentionResolutions),
            NormGroups = Of(_normGroups, otherwise.NormGroups),
            Dropout = Of(_dropout, otherwise.Dropout),
            ClassConditional = Of(_classConditional, otherwise.ClassConditional),
            LabelDropout = Of(_labelDropout, otherwise.LabelDropout),
            Timesteps = Of(_timesteps, otherwise.Timesteps),
            BetaSchedule = Of(_betaSchedule, otherwise.BetaSchedule)!,
            ZeroSnr = Of(_zeroSnr, otherwise.ZeroSnr),
            PredictionType = Of(_predictionType, otherwise.PredictionType)!,
            LossWeighting = Of(_lossWeighting, otherwise.LossWeighting)!,
            MinSnrGamma = Of(_minSnrGamma, otherwise.MinSnrGamma),
            P2K = Of(_p2K, otherwise.P2K),
            P2Gamma = Of(_p2Gamma, otherwise.P2Gamma),
            Epochs = Of(_epochs, otherwise.Epochs),
            Steps = parsed.GetResult(_epochs) is { Implicit: false } ? parsed.GetValue(_steps) : Of(_steps, otherwise.Steps),
            BatchSize = Of(_batchSize, otherwise.BatchSize),
            Accumulate = Of(_accumulate, otherwise.Accumulate),
            LearningRate = Of(_learningRate, otherwise.LearningRate),
            LearningRateSchedule = Of(_learningRateSchedule, otherwise.LearningRateSchedule)!,
            Warmup = Of(_warmup, otherwise.Warmup),
            WeightDecay = Of(_weightDecay, otherwise.WeightDecay),
            Ema = Of(_ema, otherwise.Ema),
            EmaSchedule = Of(_emaSchedule, otherwise.EmaSchedule)!,
            EmaInvGamma = Of(_emaInvGamma, otherwise.EmaInvGamma),
            EmaPower = Of(_emaPower, otherwise.EmaPower),
            EmaUpdateAfterStep = Of(_emaUpdateAfterStep, otherwise.EmaUpdateAfterStep),
            Precision = Of(_precision, otherwise.Precision)!,
            GradientCheckpointing = Of(_gradientCheckpointing, otherwise.GradientCheckpointing),
            SkippedStepsBeforeRollback = Of(_skippedStepsBeforeRollback, otherwise.SkippedStepsBeforeRollback),
            MaxRollbacks = Of(_maxRollbacks, otherwise.MaxRollbacks),
            Seed = Of(_seed, otherwise.Seed),
            Flip = Of(_flip, otherwise.Flip),
        };
    }
}
