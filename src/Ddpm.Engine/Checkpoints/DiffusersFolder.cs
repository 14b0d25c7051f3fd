using System.Security.Cryptography;
using System.Text;
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

    private DiffusersFolder(string path, string weightsPath, UNetConfig network, NoiseScheduleConfig schedule)
    {
        Location = path;
        WeightsPath = weightsPath;
        Network = network;
        Schedule = schedule;
    }

    /// <summary>Where it is.</summary>
    public string Location { get; }

    /// <summary>The network's weights.</summary>
    public string WeightsPath { get; }

    /// <summary>The network's configuration.</summary>
    public UNetConfig Network { get; }

    /// <summary>The noise schedule.</summary>
    public NoiseScheduleConfig Schedule { get; }

    /// <summary>Whether a folder looks like one: it holds a network's configuration where one belongs.</summary>
    public static bool IsOne(string path) =>
        File.Exists(Path.Combine(path, "unet", ConfigFile)) || (File.Exists(Path.Combine(path, ConfigFile)) && File.Exists(Path.Combine(path, SchedulerFile)));

    /// <summary>Reads the configurations of a folder; the weights are not touched.</summary>
    /// <exception cref="CheckpointException">A file is missing or unsound.</exception>
    public static DiffusersFolder Open(string path)
    {
        if (!Directory.Exists(path))
            throw new CheckpointException($"There is no folder '{path}'.");
        var unet = Directory.Exists(Path.Combine(path, "unet")) ? Path.Combine(path, "unet") : path;
        var scheduler = Directory.Exists(Path.Combine(path, "scheduler")) ? Path.Combine(path, "scheduler") : path;
        try
        {
            var network = UNetConfig.FromJson(ReadText(Path.Combine(unet, ConfigFile)));
            var schedule = NoiseScheduleConfig.FromJson(ReadText(Path.Combine(scheduler, SchedulerFile)));
            return new DiffusersFolder(path, Path.Combine(unet, WeightsFile), network, schedule);
        }
        catch (UNetConfigException fault)
        {
            throw new CheckpointException($"{ConfigFile}: {fault.Message}", fault);
        }
    }

    /// <summary>Builds the network and loads the weights.</summary>
    /// <returns>In evaluation mode on <paramref name="device"/>; the caller disposes it.</returns>
    /// <exception cref="CheckpointException">The weights do not fit the configuration.</exception>
    public UNet LoadNetwork(Device device)
    {
        var network = new UNet(Network);
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

    /// <summary>Writes a folder that diffusers loads. Files are flushed; publishing it by a rename is the caller's part.</summary>
    /// <param name="path">Made where it is not there.</param>
    /// <param name="network">Its configuration is written too.</param>
    /// <param name="schedule">The noise schedule.</param>
    public static void Write(string path, UNet network, NoiseScheduleConfig schedule)
    {
        Directory.CreateDirectory(Path.Combine(path, "unet"));
        Directory.CreateDirectory(Path.Combine(path, "scheduler"));
        WriteText(Path.Combine(path, "model_index.json"), IndexJson);
        WriteText(Path.Combine(path, "unet", ConfigFile), network.Config.ToJson());
        WriteText(Path.Combine(path, "scheduler", SchedulerFile), schedule.ToJson());
        UNetWeights.Save(network, Path.Combine(path, "unet", WeightsFile));
    }

    /// <summary>SHA-256 of the weights file, lower-case hexadecimal.</summary>
    public string WeightsSha256()
    {
        using var file = File.OpenRead(WeightsPath);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    internal static void WriteText(string path, string text)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None);
        file.Write(Encoding.UTF8.GetBytes(text));
        file.Flush(flushToDisk: true);
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
