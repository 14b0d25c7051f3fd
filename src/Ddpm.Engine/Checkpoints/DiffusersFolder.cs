using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Checkpoints;

/// <summary>A diffusers pipeline folder: <c>model_index.json</c>, <c>unet/</c> and <c>scheduler/</c>, or, as the first releases wrote it, all in one folder.</summary>
public sealed class DiffusersFolder
{
    private const string ConfigFile = "config.json";
    private const string WeightsFile = "diffusion_pytorch_model.safetensors";
    private const string SchedulerFile = "scheduler_config.json";
    private const string IndexFile = "model_index.json";
    private const string IndexJson =
        """
        {
          "_class_name": "DDPMPipeline",
          "_diffusers_version": "0.40.0",
          "scheduler": [
            "diffusers",
            "DDPMScheduler"
          ],
          "unet": [
            "diffusers",
            "UNet2DModel"
          ]
        }

        """;

    private readonly string _scheduleJson;

    private DiffusersFolder(string path, string weightsPath, UNetConfig network, string scheduleJson, string? pipeline, ClassNames? classes)
    {
        classes?.RequireFit(network.NumClassEmbeds);
        Classes = classes;
        Pipeline = pipeline;
        Location = path;
        WeightsPath = weightsPath;
        Network = network;
        _scheduleJson = scheduleJson;
        Schedule = NoiseScheduleConfig.FromJson(scheduleJson);
    }

    /// <summary>The files of a model below its folder, first as they lie today, then as the first releases of diffusers wrote them. A model need not have all.</summary>
    public static IReadOnlyList<string> Files { get; } = [IndexFile, ClassNames.FileName, .. Components, ConfigFile, WeightsFile, SchedulerFile];

    internal static string HowToConvert => "Save the model with safe_serialization=True, which writes safetensors.";

    private static string[] Components => [$"unet/{ConfigFile}", $"unet/{WeightsFile}", $"scheduler/{SchedulerFile}"];

    /// <summary>Where it is.</summary>
    public string Location { get; }

    /// <summary>The pipeline class that <c>model_index.json</c> names; null where it names none or is not there.</summary>
    public string? Pipeline { get; }

    /// <summary>The network's weights.</summary>
    public string WeightsPath { get; }

    /// <summary>The network's configuration.</summary>
    public UNetConfig Network { get; }

    /// <summary>The noise schedule.</summary>
    public NoiseScheduleConfig Schedule { get; }

    /// <summary>What the labels of a class-conditional model stand for; null where the folder does not say.</summary>
    public ClassNames? Classes { get; }

    /// <summary>Every key of the noise schedule's file, read by a sampler here or not.</summary>
    public JsonObject ScheduleKeys => (JsonObject)JsonNode.Parse(PythonJson.ToJson(_scheduleJson))!;

    /// <summary>Whether a folder looks like one: it holds a network's configuration where one belongs.</summary>
    public static bool IsOne(string path) =>
        File.Exists(Path.Combine(path, "unet", ConfigFile)) || (File.Exists(Path.Combine(path, ConfigFile)) && File.Exists(Path.Combine(path, SchedulerFile)));

    /// <summary>Whether every file lies where diffusers writes it today.</summary>
    public static bool IsWhole(string path) => Components.Prepend(IndexFile).All(file => File.Exists(Path.Combine(path, file)));

    /// <summary>Reads the configurations of a folder; the weights must be there and are not touched.</summary>
    /// <exception cref="CheckpointException">A file is missing or unsound.</exception>
    public static DiffusersFolder Open(string path)
    {
        if (!Directory.Exists(path))
            throw new CheckpointException($"There is no folder '{path}'.");
        if (!IsOne(path))
            throw new CheckpointException($"'{path}' is no diffusers folder: neither unet/{ConfigFile} nor {ConfigFile} with {SchedulerFile} is in it.");
        var unet = Directory.Exists(Path.Combine(path, "unet")) ? Path.Combine(path, "unet") : path;
        var scheduler = Directory.Exists(Path.Combine(path, "scheduler")) ? Path.Combine(path, "scheduler") : path;
        try
        {
            var network = UNetConfig.FromJson(ReadText(Path.Combine(unet, ConfigFile)));
            var folder = new DiffusersFolder(
                path, Path.Combine(unet, WeightsFile), network, ReadText(Path.Combine(scheduler, SchedulerFile)), PipelineOf(Path.Combine(path, IndexFile)), ClassNames.Read(path));
            return File.Exists(folder.WeightsPath) ? folder : throw new CheckpointException(WithoutWeights(unet));
        }
        catch (UNetConfigException fault)
        {
            throw new CheckpointException($"{ConfigFile}: {fault.Message}", fault);
        }
    }

    /// <summary>Refuses a network that no picture can be drawn with.</summary>
    /// <exception cref="CheckpointException">It is of a kind that is not supported.</exception>
    public void RequireDrawable()
    {
        if (Network.InChannels is not (1 or 3))
            throw new CheckpointException($"The model's in_channels is {Network.InChannels}; pictures have 1 or 3.");
        var learned = Schedule.VarianceType == "learned_range";
        if (Network.OutChannels != Network.InChannels && !(Network.OutChannels == 2 * Network.InChannels && learned))
            throw new CheckpointException(
                $"The model's in_channels is {Network.InChannels} and its out_channels {Network.OutChannels}: it must give as many as it takes, or twice as many with variance_type learned_range.");
        if (learned && Network.OutChannels == Network.InChannels)
            throw new CheckpointException("The scheduler's variance_type is learned_range, but the network gives no variances: its out_channels must be twice its in_channels.");
    }

    /// <summary>Refuses weights that this process has not the memory to load. They are held in float32, whatever they are stored in.</summary>
    /// <exception cref="CheckpointException">They are larger, or their file is no such file.</exception>
    public void RequireMemory() => RequireMemory(FreeMemory.OnHost());

    /// <inheritdoc cref="RequireMemory()"/>
    internal void RequireMemory(long free)
    {
        const double MiB = 1 << 20;
        using var file = Safetensors.Open(WeightsPath);
        var numbers = file.Entries.Select(entry => entry.Shape.Aggregate(1L, (product, size) => product * size)).ToList();
        // The network, and one tensor as it is stored and as it is copied.
        var bytes = (sizeof(float) * numbers.Sum()) + file.Entries.Select(entry => entry.Length).DefaultIfEmpty().Max() + (sizeof(float) * numbers.DefaultIfEmpty().Max());
        if (bytes > free)
            throw new CheckpointException(string.Create(
                CultureInfo.InvariantCulture, $"The weights need {bytes / MiB:0} MiB of memory to be loaded, of which {free / MiB:0} MiB are free. Try again when less is being done there, or give it more memory."));
    }

    /// <summary>Builds the network and loads the weights.</summary>
    /// <returns>In evaluation mode on <paramref name="device"/>; the caller disposes it.</returns>
    /// <exception cref="CheckpointException">The weights do not fit the configuration.</exception>
    public UNet LoadNetwork(Device device)
    {
        UNetOutline.Check(Network, WeightsPath);
        FiniteWeights.Check(WeightsPath);
        var network = Build();
        try
        {
            UNetWeights.Load(network, WeightsPath);
            network.eval();
            network.to(device);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    // Its first weights, soon replaced, are drawn too.
    private UNet Build()
    {
        lock (GlobalRandom.Gate)
            return new UNet(Network);
    }

    /// <summary>Writes a folder that diffusers loads. Files are flushed; publishing it by a rename is the caller's part.</summary>
    /// <param name="path">Made where it is not there.</param>
    /// <param name="network">Its configuration is written too.</param>
    /// <param name="schedule">The noise schedule.</param>
    /// <param name="classes">What the labels of a class-conditional network stand for; null for <c>classes.json</c> not to be written.</param>
    public static void Write(string path, UNet network, NoiseScheduleConfig schedule, ClassNames? classes = null) =>
        Write(path, network.Config, network.state_dict(), schedule.ToJson(), classes);

    /// <summary>The same for weights that are in no network.</summary>
    internal static void Write(string path, UNetConfig network, IEnumerable<KeyValuePair<string, Tensor>> weights, NoiseScheduleConfig schedule, ClassNames? classes) =>
        Write(path, network, weights, schedule.ToJson(), classes);

    /// <summary>Writes this model as diffusers does today: sub-folders, present names, float32 weights. Loads it first, so what is written is sound.</summary>
    /// <param name="path">Made where it is not there.</param>
    /// <exception cref="CheckpointException">The weights do not fit the configuration.</exception>
    public void WriteNormalised(string path)
    {
        using var network = LoadNetwork(CPU);
        // The schedule goes as it came: a key that is absent stands for each sampler's own default, which no value written out could.
        Write(path, network.Config, network.state_dict(), _scheduleJson, Classes);
    }

    private static void Write(string path, UNetConfig network, IEnumerable<KeyValuePair<string, Tensor>> weights, string scheduleJson, ClassNames? classes)
    {
        Directory.CreateDirectory(Path.Combine(path, "unet"));
        Directory.CreateDirectory(Path.Combine(path, "scheduler"));
        WriteText(Path.Combine(path, IndexFile), IndexJson);
        classes?.Write(path);
        WriteText(Path.Combine(path, "unet", ConfigFile), network.ToJson());
        WriteText(Path.Combine(path, "scheduler", SchedulerFile), scheduleJson);
        Safetensors.Write(Path.Combine(path, "unet", WeightsFile), weights);
    }

    /// <summary>SHA-256 of the weights file, lower-case hexadecimal.</summary>
    public string WeightsSha256() => FileHash.Sha256(WeightsPath);

    internal static void WriteText(string path, string text)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None);
        file.Write(Encoding.UTF8.GetBytes(text));
        file.Flush(flushToDisk: true);
    }

    private static string? PipelineOf(string index)
    {
        try
        {
            return File.Exists(index) ? (string?)(JsonNode.Parse(ReadText(index), documentOptions: new() { AllowDuplicateProperties = false }) as JsonObject ?? throw new JsonException("it must hold a JSON object."))["_class_name"] : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{IndexFile} cannot be read: {Refusal.OfJson(fault)}", fault);
        }
    }

    private static string WithoutWeights(string unet)
    {
        var others = Directory.EnumerateFiles(unet).Select(Path.GetFileName).OfType<string>().ToList();
        var place = $"{WeightsFile} is missing in '{Path.GetFileName(Path.GetFullPath(unet))}'";
        return others.FirstOrDefault(name => Path.GetExtension(name) is ".bin" or ".pt" or ".pth" or ".ckpt") is { } pickle
            ? $"{place}, and {pickle} is a pickle, which can run code and is never read. {HowToConvert}"
            : WeightFiles.Scattered(others).Count > 0
                ? $"{place}: the weights are in other files, which importing the model makes one of."
                : $"{place}.";
    }

    // Configurations are small; a huge one is not a configuration.
    private static string ReadText(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new CheckpointException($"{file.Name} is missing in '{file.Directory!.Name}'.");
        return file.Length <= 1 << 20 ? File.ReadAllText(path) : throw new CheckpointException($"{file.Name} has {file.Length} bytes; a configuration has at most 1 MiB.");
    }
}
