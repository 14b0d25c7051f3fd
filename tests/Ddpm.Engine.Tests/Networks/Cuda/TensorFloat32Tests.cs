using Ddpm.Engine.Networks.Cuda;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Networks.Cuda;

public sealed class TensorFloat32Tests
{
    [Fact]
    public void Hold_LetsThoseOfOneMindIn_AndTheOthersWait()
    {
        TorchRuntime.Initialize();
        var first = TensorFloat32.Hold(allowed: true);
        var second = TensorFloat32.Hold(allowed: true);
        Assert.True(backends.cudnn.allow_tf32 && backends.cuda.matmul.allow_tf32);
        var seen = true;
        var other = new Thread(() =>
        {
            using var held = TensorFloat32.Hold(allowed: false);
            seen = backends.cudnn.allow_tf32 || backends.cuda.matmul.allow_tf32;
        });
        other.Start();
        first.Dispose();
        first.Dispose(); // twice is once
        Assert.True(backends.cudnn.allow_tf32);
        second.Dispose();
        other.Join();
        Assert.False(seen);
        Assert.False(backends.cudnn.allow_tf32 || backends.cuda.matmul.allow_tf32);
    }

    [Fact]
    public void Hold_LetsNobodyPass_WhoCameAfterOneThatWaits()
    {
        TorchRuntime.Initialize();
        var order = new List<bool>();
        var training = TensorFloat32.Hold(allowed: false);
        var sampling = Queue(allowed: true);
        var nextPass = Queue(allowed: false);
        training.Dispose();
        sampling.Join();
        nextPass.Join();
        Assert.Equal([true, false], order);

        Thread Queue(bool allowed)
        {
            var thread = new Thread(() =>
            {
                using var held = TensorFloat32.Hold(allowed);
                lock (order)
                    order.Add(allowed);
            });
            thread.Start();
            Assert.True(SpinWait.SpinUntil(() => (thread.ThreadState & (ThreadState.WaitSleepJoin | ThreadState.Stopped)) != 0, TimeSpan.FromSeconds(30)));
            return thread;
        }
    }
}
