using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Data;

public sealed class PixelRangeTests
{
    [Fact]
    public void ToFloat_MapsBytesOntoMinusOneToOne()
    {
        using var floats = PixelRange.ToFloat(new PixelBatch([0, 51, 255, 204], 1, 1, 2, 2), CPU);

        Assert.Equal([1, 1, 2, 2], floats.shape);
        Assert.Equal([-1f, -0.6f, 1f, 0.6f], floats.data<float>().ToArray().Select(x => MathF.Round(x, 6)));
    }

    [Fact]
    public void ToBytes_UndoesToFloat_ForEveryByte()
    {
        var every = Enumerable.Range(0, 256 * 3).Select(n => (byte)n).ToArray();
        using var floats = PixelRange.ToFloat(new PixelBatch(every, 1, 3, 16, 16), CPU);

        var back = PixelRange.ToBytes(floats);

        Assert.Equal(every, back.Pixels);
        Assert.Equal((1, 3, 16, 16), (back.Count, back.Channels, back.Height, back.Width));
    }

    [Fact]
    public void ToBytes_ClampsAndRoundsHalfToEven()
    {
        // Halves that float32 holds exactly: 255 · (x/2 + 1/2) = 127.5 at 0 and 63.75, 191.25 at ∓1/2.
        using var floats = tensor([-9f, 0f, -0.5f, 0.5f, 1.001f, 9f], [1, 1, 2, 3]);

        Assert.Equal([0, 128, 64, 191, 255, 255], PixelRange.ToBytes(floats).Pixels);
    }

    [Fact]
    public void ToBytes_KeepsTheOrder_WhenTheTensorIsAView()
    {
        using var floats = PixelRange.ToFloat(new PixelBatch([0, 1, 2, 3, 4, 5], 1, 1, 2, 3), CPU);
        using var turned = floats.transpose(2, 3);

        Assert.Equal([0, 3, 1, 4, 2, 5], PixelRange.ToBytes(turned).Pixels);
    }

    [Fact]
    public void ToBytes_Refuses_WhatIsNoBatchOfPictures()
    {
        using var flat = zeros(3, 4, 4);
        using var wide = zeros(1, 2, 4, 4);

        Assert.Throws<ArgumentException>(() => PixelRange.ToBytes(flat));
        Assert.Throws<ArgumentException>(() => PixelRange.ToBytes(wide));
    }
}
