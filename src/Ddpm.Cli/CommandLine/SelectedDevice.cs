using Ddpm.Engine;
using TorchSharp;

namespace Ddpm.Cli.CommandLine;

/// <summary>The device and the threads that were asked for.</summary>
internal static class SelectedDevice
{
    public static torch.Device From(string name, int? threads)
    {
        TorchRuntime.Initialize();
        if (threads is { } count)
            torch.set_num_threads(count);
        try
        {
            return DeviceSelector.Parse(name);
        }
        catch (ArgumentException exception)
        {
            throw new UserErrorException($"--device: {exception.Message.Split(" (Parameter")[0]}");
        }
    }
}
