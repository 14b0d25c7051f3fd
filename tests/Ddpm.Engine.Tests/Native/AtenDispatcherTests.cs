using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Native;

public sealed class AtenDispatcherTests
{
    public AtenDispatcherTests() => TorchRuntime.Initialize();

    [Fact]
    public void Call_ReachesOperatorsThatTorchSharpLacks_AndConsumesNothingOfTheCallers()
    {
        Assert.True(AtenDispatcher.IsAvailable);
        using var scope = NewDisposeScope();
        Tensor[] sums = [ones(3), ones(2, 2)];
        Tensor[] others = [full(3, 2.0), full([2, 2], 3.0)];
        for (var n = 0; n < 100; n++) // a handle that is given away once too often ends the process
            AtenDispatcher.Call("aten::_foreach_mul_", "List", sums, sums.Select(sum => ones_like(sum)).ToArray());
        AtenDispatcher.Call("aten::_foreach_mul_", "List", sums, others);
        Assert.Equal([2f, 2, 2], sums[0].data<float>().ToArray());
        Assert.Equal([3f, 3, 3, 3], sums[1].data<float>().ToArray());
        Assert.Equal([2f, 2, 2], others[0].data<float>().ToArray());
    }

    [Fact]
    public void Call_SaysWhatCannotBeCalled()
    {
        Assert.Contains("aten::no_such_operator", Assert.Throws<InvalidOperationException>(() => AtenDispatcher.Call("aten::no_such_operator", "")).Message, StringComparison.Ordinal);
        using var one = ones(1);
        Assert.Contains("String", Assert.Throws<ArgumentException>(() => AtenDispatcher.Call("aten::zero_", "", "one")).Message, StringComparison.Ordinal);
    }
}
