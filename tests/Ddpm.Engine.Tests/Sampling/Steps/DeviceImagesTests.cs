using System.Runtime.InteropServices;
using Ddpm.Engine.Sampling.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Sampling.Steps;

/// <summary>A tensor that does not fit stands for memory that has run out.</summary>
public sealed class DeviceImagesTests : IDisposable
{
    private readonly DisposeScope _scope;
    private readonly DeviceImages _images;

    public DeviceImagesTests()
    {
        TorchRuntime.Initialize();
        _scope = NewDisposeScope();
        _images = new DeviceImages(CPU, [1, 1, 2]);
    }

    public void Dispose()
    {
        _images.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Begin_TakesNoSlot_WhereItFails()
    {
        var first = _images.Begin(Pictures(1, 2));
        Assert.ThrowsAny<ExternalException>(() => _images.Begin(zeros(2, 1, 1, 3)));
        var second = _images.Begin(Pictures(3, 4));

        Assert.Equal([0, 1, 2, 3], first.Concat(second).Order());
        Assert.Equal([1, 2, 3, 4], Values(_images.Sample(Slots([.. first, .. second]))));
    }

    [Fact]
    public void Put_LeavesWhatWasKept_WhereItFails()
    {
        var slots = Slots(_images.Begin(Pictures(1, 2)));
        _images.Put(slots, Pictures(3, 4), Pictures(10, 20));
        Assert.ThrowsAny<ExternalException>(() => _images.Put(slots, Pictures(5, 6), zeros(2, 1, 1, 3)));
        Assert.Equal([3, 4], Values(_images.Sample(slots)));
        Assert.Equal([10, 20, 0, 0, 0, 0], Kept(slots));

        _images.Put(slots, Pictures(5, 6), Pictures(11, 21));
        Assert.Equal([5, 6], Values(_images.Sample(slots)));
        Assert.Equal([11, 21, 10, 20, 0, 0], Kept(slots));
    }

    [Fact]
    public void More_LeaveTheOthersAsTheyWere()
    {
        var slots = Slots(_images.Begin(Pictures(1, 2)));
        for (var step = 1; step <= 3; step++)
            _images.Put(slots, Pictures(1, 2), Pictures(10 * step, (10 * step) + 1));
        _images.Begin(Pictures(3, 4, 5));
        Assert.Equal([1, 2], Values(_images.Sample(slots)));
        Assert.Equal([30, 31, 20, 21, 10, 11], Kept(slots));
    }

    private static Tensor Pictures(params float[] values) => tensor(values).view(-1, 1, 1, 1).expand(-1, 1, 1, 2).contiguous();

    private static Tensor Slots(int[] slots) => tensor(slots.Select(slot => (long)slot).ToArray());

    private static float[] Values(Tensor pictures) => pictures[.., 0, 0, 1].contiguous().data<float>().ToArray();

    private float[] Kept(Tensor slots) => [.. Enumerable.Range(0, 3).SelectMany(age => Values(_images.History(age, slots)))];
}
