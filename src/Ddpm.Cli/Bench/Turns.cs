using System.Diagnostics;
using TorchSharp;

namespace Ddpm.Cli.Bench;

/// <summary>Times two things in turns, A B A B: what disturbs the machine meets both, and the ratio of neighbours stays right.</summary>
internal static class Turns
{
    /// <summary>TorchScript compiles at the second call of a shape and may do so again at the third; cuDNN chooses, clocks rise.</summary>
    private const int WarmUps = 4;

    /// <param name="options">Device and runs.</param>
    /// <param name="first">One run.</param>
    /// <param name="second">One run.</param>
    /// <returns>Seconds of each run.</returns>
    public static (double[] First, double[] Second) Time(BenchOptions options, Action first, Action second)
    {
        for (var n = 0; n < WarmUps; n++)
        {
            first();
            second();
        }

        var (ofFirst, ofSecond) = (new double[options.Runs], new double[options.Runs]);
        for (var n = 0; n < options.Runs; n++)
        {
            options.CancellationToken.ThrowIfCancellationRequested();
            ofFirst[n] = Seconds(options.Device, first);
            ofSecond[n] = Seconds(options.Device, second);
        }
        return (ofFirst, ofSecond);
    }

    /// <summary>Seconds until the device has done it.</summary>
    public static double Seconds(torch.Device device, Action work)
    {
        Wait(device);
        var begin = Stopwatch.GetTimestamp();
        work();
        Wait(device);
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    private static void Wait(torch.Device device)
    {
        if (device.type == DeviceType.CUDA)
            torch.cuda.synchronize(device);
    }
}
