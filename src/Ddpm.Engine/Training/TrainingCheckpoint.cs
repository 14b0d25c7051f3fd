using System.Text.Json;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>What a run needs beside the model folder to go on exactly: <c>training/state.json</c>, the raw weights and AdamW's moments; and <c>training/SHA256SUMS</c>, which
/// lists all files of the checkpoint as <c>sha256sum</c> does, so that one that is torn or altered is never gone on from.</summary>
internal static class TrainingCheckpoint
{
    public const string StateFile = "state.json";
    public const string ListFile = "training/SHA256SUMS";
    private const string WeightsFile = "raw_weights.safetensors";
    private const string MomentsFile = "adamw.safetensors";

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>How far the run is, and on what.</summary>
    public sealed record State(long Step, double Epoch, IReadOnlyList<double> RecentLosses, string DatasetSha256, ulong Seed)
    {
        /// <summary>Pictures of a pass; with the next, decides which pictures come next. 0 in checkpoints that did not record it.</summary>
        public int BatchSize { get; init; }

        /// <summary>Passes of a step.</summary>
        public int GradientAccumulationSteps { get; init; }

        /// <summary>Steps that moved the weights; null, for all, in checkpoints that did not record it.</summary>
        public long? OptimizerSteps { get; init; }

        /// <summary>Steps left out because their loss or gradient was not finite, those of attempts that were rolled back included.</summary>
        public long SkippedSteps { get; init; }

        /// <summary>How often the run has gone back to a checkpoint.</summary>
        public int Rollbacks { get; init; }

        /// <summary>What the learning rate is multiplied by since.</summary>
        public double RateFactor { get; init; } = 1;

        /// <summary>The loss scale; null but in float16.</summary>
        public double? LossScale { get; init; }

        /// <summary>Steps since the loss scale changed.</summary>
        public int LossScaleGoodSteps { get; init; }

        /// <summary>Of the model's weights in <c>unet/</c>; null in checkpoints that did not record it.</summary>
        public string? ModelSha256 { get; init; }

        /// <summary>Of the weights that are trained.</summary>
        public string RawWeightsSha256 { get; init; } = "";

        /// <summary>Of AdamW's moments.</summary>
        public string MomentsSha256 { get; init; } = "";
    }

    /// <summary>Writes a checkpoint to a temporary folder beside <paramref name="folder"/>, flushes it and renames it into place.</summary>
    /// <returns>SHA-256 of the model's weights, lower-case hexadecimal.</returns>
    public static string Write(string folder, UNetConfig network, CheckpointTensors tensors, NoiseScheduleConfig schedule, ClassNames? classes, State state)
    {
        var partial = folder + ".partial";
        string modelSha256;
        if (Directory.Exists(partial))
            Directory.Delete(partial, recursive: true);
        try
        {
            modelSha256 = WriteFiles(partial, network, tensors, schedule, classes, state);
        }
        catch
        {
            // Where the disk is full, half a checkpoint must not keep it so.
            if (Directory.Exists(partial))
                Directory.Delete(partial, recursive: true);
            throw;
        }

        // A checkpoint of this step can stand there already, from an attempt that was cut off after writing it: it is the same, but this one is whole.
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Durable.Move(partial, folder);
        return modelSha256;
    }

    private static string WriteFiles(string partial, UNetConfig network, CheckpointTensors tensors, NoiseScheduleConfig schedule, ClassNames? classes, State state)
    {
        DiffusersFolder.Write(partial, network, tensors.Model, schedule, classes);
        var training = Directory.CreateDirectory(Path.Combine(partial, "training")).FullName;
        Safetensors.Write(Path.Combine(training, WeightsFile), tensors.Raw);
        Safetensors.Write(Path.Combine(training, MomentsFile), tensors.Moments);
        state = state with
        {
            ModelSha256 = DiffusersFolder.Open(partial).WeightsSha256(),
            RawWeightsSha256 = FileHash.Sha256(Path.Combine(training, WeightsFile)),
            MomentsSha256 = FileHash.Sha256(Path.Combine(training, MomentsFile)),
        };
        DiffusersFolder.WriteText(Path.Combine(training, StateFile), JsonSerializer.Serialize(state, Json) + "\n");
        FileList.Write(partial, ListFile, new() // of what has been hashed already
        {
            [$"unet/{WeightFiles.Whole}"] = state.ModelSha256,
            [$"training/{WeightsFile}"] = state.RawWeightsSha256,
            [$"training/{MomentsFile}"] = state.MomentsSha256,
        });
        return state.ModelSha256;
    }

    /// <summary>Loads a checkpoint into a run's networks and optimizer.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="model">Receives the averaged weights; null where the run keeps no average.</param>
    /// <param name="raw">Receives the weights that are trained.</param>
    /// <param name="optimizer">Receives moments and step count.</param>
    /// <param name="schedule">The run's noise schedule.</param>
    /// <exception cref="CheckpointException">A file is missing or torn, or of another network or noise schedule.</exception>
    public static State Read(string folder, UNet? model, UNet raw, AdamW optimizer, NoiseScheduleConfig schedule)
    {
        var isListed = FileList.Check(folder, ListFile); // one that is older has no list
        var files = DiffusersFolder.Open(folder);
        if (files.Network.ToJson() != raw.Config.ToJson())
            throw new CheckpointException("The checkpoint is of another network: its unet/config.json is not that of the run.");
        if (files.Schedule.ToJson() != schedule.ToJson())
            throw new CheckpointException("The checkpoint was trained with another noise schedule: its scheduler_config.json is not that of the run.");
        var training = Path.Combine(folder, "training");
        var state = ReadState(Path.Combine(training, StateFile));
        if (!isListed)
            Verify(files, training, state);
        if (model is not null)
            UNetWeights.Load(model, files.WeightsPath);
        UNetWeights.Load(raw, Path.Combine(training, WeightsFile));

        using var noGradients = no_grad();
        using var moments = Safetensors.Open(Path.Combine(training, MomentsFile));
        foreach (var (name, target) in Moments(optimizer))
        {
            using var scope = NewDisposeScope();
            var value = moments.Read(name);
            if (!value.shape.SequenceEqual(target.shape))
                throw new CheckpointException($"{MomentsFile}: '{name}' has shape [{string.Join(", ", value.shape)}]; [{string.Join(", ", target.shape)}] is needed.");
            target.copy_(value);
        }

        optimizer.StepsTaken = state.OptimizerSteps ?? state.Step;
        return state;
    }

    public static State ReadState(string path)
    {
        if (!File.Exists(path))
            throw new CheckpointException($"The checkpoint holds no training/{StateFile}, so a run cannot go on from it.");
        try
        {
            return JsonSerializer.Deserialize<State>(File.ReadAllText(path), Json) is { Step: >= 0 } state
                ? state
                : throw new CheckpointException($"training/{StateFile} holds no state.");
        }
        catch (JsonException fault)
        {
            throw new CheckpointException($"training/{StateFile} cannot be read: {fault.Message}", fault);
        }
    }

    private static void Verify(DiffusersFolder files, string training, State state)
    {
        if (state.ModelSha256 is { } sha256)
            Verify(files.WeightsPath, sha256);
        Verify(Path.Combine(training, WeightsFile), state.RawWeightsSha256);
        Verify(Path.Combine(training, MomentsFile), state.MomentsSha256);
    }

    private static void Verify(string path, string sha256)
    {
        var name = $"{Path.GetFileName(Path.GetDirectoryName(path))}/{Path.GetFileName(path)}";
        if (!File.Exists(path))
            throw new CheckpointException($"{name} is missing.");
        if (FileHash.Sha256(path) != sha256)
            throw new CheckpointException($"{name} is damaged: its SHA-256 is not the one that was recorded.");
    }

    /// <summary>AdamW's moments by the names they have in a checkpoint. Borrowed.</summary>
    public static Dictionary<string, Tensor> Moments(AdamW optimizer) => optimizer.Parameters.SelectMany((parameter, index) => new[]
    {
        KeyValuePair.Create($"{parameter.Name}.exp_avg", optimizer.FirstMoments[index]),
        KeyValuePair.Create($"{parameter.Name}.exp_avg_sq", optimizer.SecondMoments[index]),
    }).ToDictionary();
}
