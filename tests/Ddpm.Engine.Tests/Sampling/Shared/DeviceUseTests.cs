using System.Diagnostics;
using Ddpm.Engine.Sampling.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Sampling.Shared;

public sealed class DeviceUseTests
{
    // A device that no other test trains on, and that need not exist.
    private static readonly Device _device = new(DeviceType.CUDA, 15);

    [Fact]
    public void ADeviceIsTrainedOn_UntilTheLastRunThereEnds()
    {
        TorchRuntime.Initialize();
        Assert.False(DeviceUse.IsTrainedOn(_device));
        var first = DeviceUse.Train(_device);
        using (DeviceUse.Train(_device))
            Assert.True(DeviceUse.IsTrainedOn(_device));
        Assert.True(DeviceUse.IsTrainedOn(_device));
        first.Dispose();
        first.Dispose();
        Assert.False(DeviceUse.IsTrainedOn(_device));
    }

    [Fact]
    public void RestAfter_RestsAsLongAsTheCallTook_WhileARunTrains()
    {
        TorchRuntime.Initialize();
        var device = new Device(DeviceType.CUDA, 14);
        var call = TimeSpan.FromMilliseconds(40);
        using (DeviceUse.Train(device))
        {
            var began = Stopwatch.GetTimestamp();
            DeviceUse.RestAfter(call, device);
            Assert.True(Stopwatch.GetElapsedTime(began) >= call - TimeSpan.FromMilliseconds(1));
        }
    }
}
