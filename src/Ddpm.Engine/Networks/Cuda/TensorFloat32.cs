using TorchSharp;

namespace Ddpm.Engine.Networks.Cuda;

/// <summary>Whether a GPU's matrix products and convolutions may round to TF32: libtorch has one switch for the whole process, looked at when a kernel
/// is launched. Calls that want it one way go on side by side; those that want it the other way wait until they have launched theirs.</summary>
/// <remarks>Sampling holds it for every call, and training in float32 for every pass: what holds nothing may find it either way. First come, first served, or a training run,
/// which wants it again as soon as it has let it go, would leave the others waiting.</remarks>
internal static class TensorFloat32
{
    private static readonly object Gate = new();
    private static long _tickets;
    private static long _next;
    private static int _users;
    private static bool _allowed; // as TorchRuntime sets it at the start

    /// <summary>Holds the switch until it is disposed. A thread that holds it must not ask for it again.</summary>
    public static IDisposable Hold(bool allowed)
    {
        lock (Gate)
        {
            var ticket = _tickets++;
            while (ticket != _next || (_users > 0 && _allowed != allowed))
                Monitor.Wait(Gate);
            _next++;
            if (_allowed != allowed)
                torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = _allowed = allowed;
            _users++;
            Monitor.PulseAll(Gate); // the next may want it the same way
        }
        return new Holder();
    }

    private static void Release()
    {
        lock (Gate)
        {
            if (--_users > 0)
                return;
            // What holds nothing gets float32, unless someone rounds beside it.
            if (_allowed)
                torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = _allowed = false;
            Monitor.PulseAll(Gate);
        }
    }

    private sealed class Holder : IDisposable
    {
        private bool _released;

        public void Dispose()
        {
            if (!_released)
                Release();
            _released = true;
        }
    }
}
