using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Diffusion;

namespace Ddpm.Cli.Bench;

/// <summary>The folder of a network that is only called: it needs no noise schedule, which diffusers' folder of a network alone does not have.</summary>
internal static class NetworkFolder
{
    private const string ConfigFile = "config.json";
    private const string WeightsFile = "diffusion_pytorch_model.safetensors";
    private const string SchedulerFile = "scheduler_config.json";

    /// <summary>As <see cref="NamedNetwork.FolderOf"/>; for a network without a schedule, a folder below <paramref name="temporary"/> with some schedule and a link to the weights.</summary>
    /// <exception cref="UserErrorException">It is no model.</exception>
    public static string Of(string nameOrFolder, TemporaryFolder temporary)
    {
        var unet = File.Exists(Path.Combine(nameOrFolder, "unet", ConfigFile)) ? Path.Combine(nameOrFolder, "unet") : nameOrFolder;
        if (!File.Exists(Path.Combine(unet, ConfigFile)) || HasSchedule(nameOrFolder))
            return NamedNetwork.FolderOf(nameOrFolder, temporary);
        if (!File.Exists(Path.Combine(unet, WeightsFile)))
            throw new UserErrorException($"{WeightsFile} is missing in '{unet}'.");
        var folder = temporary.Below("network");
        if (Directory.Exists(folder))
            return folder;
        Directory.CreateDirectory(Path.Combine(folder, "unet"));
        Directory.CreateDirectory(Path.Combine(folder, "scheduler"));
        File.Copy(Path.Combine(unet, ConfigFile), Path.Combine(folder, "unet", ConfigFile));
        File.CreateSymbolicLink(Path.Combine(folder, "unet", WeightsFile), Path.GetFullPath(Path.Combine(unet, WeightsFile)));
        File.WriteAllText(Path.Combine(folder, "scheduler", SchedulerFile), new NoiseScheduleConfig().ToJson());
        return folder;
    }

    private static bool HasSchedule(string folder) => File.Exists(Path.Combine(folder, SchedulerFile)) || File.Exists(Path.Combine(folder, "scheduler", SchedulerFile));
}
