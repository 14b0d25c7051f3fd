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
    public void After_RestsHalfAsLongAgainAsTheCallsTook_ManyShortOnesAtOnce_WhileARunTrains()
    {
        TorchRuntime.Initialize();
        var device = new Device(DeviceType.CUDA, 14);
        var breaks = new TrainingBreaks(device);
        var (shortCall, call, longCall) = (TimeSpan.FromMilliseconds(15), TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.Zero, breaks.After(call));
        using (DeviceUse.Train(device))
        {
            Assert.Equal(call * 1.5, breaks.After(call));
            Assert.Equal(TimeSpan.Zero, breaks.After(shortCall));
            Assert.Equal(TimeSpan.Zero, breaks.After(shortCall));
            Assert.Equal(shortCall * 4.5, breaks.After(shortCall));
            Assert.InRange(breaks.After(longCall), call, TimeSpan.FromMilliseconds(300)); // whoever comes next waits for it
        }

        Assert.Equal(TimeSpan.Zero, breaks.After(longCall));
    }
}
