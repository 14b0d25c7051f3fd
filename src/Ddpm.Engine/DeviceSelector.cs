using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine;

/// <summary>Turns what a person writes for a device into one.</summary>
public static class DeviceSelector
{
    /// <param name="name"><c>auto</c> (a GPU where there is one), <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <exception cref="ArgumentException">Another name, or a GPU that is not there.</exception>
    public static Device Parse(string name)
    {
        TorchRuntime.Initialize();
        if (name == "cpu" || (name == "auto" && !cuda.is_available()))
            return CPU;
        var index = name is "auto" or "cuda" ? 0
            : name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : throw new ArgumentException($"The device is '{name}'; auto, cpu, cuda and cuda:N are accepted.", nameof(name));
        var count = cuda.is_available() ? cuda.device_count() : 0;
        if (index >= count)
            throw new ArgumentException($"The device is '{name}', but {(count == 0 ? "no CUDA device is in reach" : $"there are only {count}, from cuda:0")}.", nameof(name));
        return new Device(DeviceType.CUDA, index);
    }
}
