using Ddpm.Engine.Data;

namespace Ddpm.Engine.Tests.Data;

public sealed class PixelGateTests
{
    private readonly PixelGate _gate = new(100);

    [Fact]
    public void Enter_LetsSmallPicturesInSideBySide()
    {
        using var one = _gate.Enter(50);
        using var two = _gate.Enter(50);
    }

    [Theory, InlineData(100), InlineData(1000)]
    public async Task Enter_MakesALargePictureWait_UntilItIsAlone(long large)
    {
        var (one, two) = (_gate.Enter(1), _gate.Enter(99));
        var waiting = Task.Run(() => _gate.Enter(large), TestContext.Current.CancellationToken);
        two.Dispose();
        await Task.WhenAny(waiting, Task.Delay(50, TestContext.Current.CancellationToken));
        Assert.False(waiting.IsCompleted);

        one.Dispose();
        (await waiting).Dispose();
    }
}
