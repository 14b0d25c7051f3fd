using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Ddpm.Engine.Native;
using TorchSharp;

namespace Ddpm.Engine;

/// <summary>Finds and loads libtorch, and says in one sentence what is missing where it cannot.</summary>
public static partial class TorchRuntime
{
    // The order matters: each needs those before it. The CUDA ones exist only in a CUDA build.
    private static readonly string[] LibrariesOfLibtorch =
        ["libtorch_global_deps.so", "libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so", "libtorch.so"];

    private static readonly Lazy<string?> Missing = new(Load);
    private static int _threads = 1;
    private static string? _caveat;

    /// <summary>Threads of a CPU operation that libtorch chose when it was loaded: <c>OMP_NUM_THREADS</c>, or one a core. What is set later counts
    /// for the thread that sets it and for those begun after it.</summary>
    /// <exception cref="TorchRuntimeException">libtorch cannot be loaded.</exception>
    public static int Threads
    {
        get
        {
            Initialize();
            return _threads;
        }
    }

    /// <summary>What the owner of this machine should know of it, in one sentence; null where there is nothing.</summary>
    /// <exception cref="TorchRuntimeException">libtorch cannot be loaded.</exception>
    public static string? Caveat
    {
        get
        {
            Initialize();
            return _caveat;
        }
    }

    /// <summary>Loads libtorch once: from the folder that <c>DDPM_LIBTORCH</c> names, else from the program's own packages.</summary>
    /// <exception cref="TorchRuntimeException">It cannot be loaded; the message says what to do.</exception>
    public static void Initialize()
    {
        if (Missing.Value is { } sentence)
            throw new TorchRuntimeException(sentence);
    }

    /// <summary>Null where libtorch works, else one sentence that says what is missing and what to do about it.</summary>
    public static string? WhatIsMissing() => Missing.Value;

    private static string? Load()
    {
        KeepIdleThreadsFromSpinning();
        KeepConvolutionsRightWhereTheTopologyIsHidden();
        try
        {
            if (OperatingSystem.IsLinux())
                LoadOnLinux(Environment.GetEnvironmentVariable("DDPM_LIBTORCH"));
            HeedLogLevel();
            torch.InitializeDeviceType(DeviceType.CPU);
            using var probe = torch.ones(1);
            _threads = torch.get_num_threads();
            // libtorch allows TF32 in a GPU's convolutions by default; float32 means float32 here.
            torch.backends.cuda.matmul.allow_tf32 = false;
            torch.backends.cudnn.allow_tf32 = false;
            if (X86Base.IsSupported && CpuTopology.IsVirtual(X86Base.CpuId) && !OneDnn.SwitchOffUnlessRight()) // it takes a tenth of a second
                _caveat = "oneDNN computes convolutions wrongly on this processor, most likely because a hypervisor hides parts of it; those of libtorch itself are used, which are slower.";
            return null;
        }
        catch (Exception fault) when (fault is DllNotFoundException or TypeInitializationException or NotSupportedException or TorchRuntimeException or BadImageFormatException)
        {
            return Explain(fault);
        }
    }

    private static void LoadOnLinux(string? folder)
    {
        var packaged = Path.Combine(AppContext.BaseDirectory, "runtimes", $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}", "native");
        packaged = Directory.Exists(packaged) ? packaged : AppContext.BaseDirectory;
        if (folder is not null && !File.Exists(Path.Combine(folder, "libtorch_cpu.so")))
            throw new TorchRuntimeException($"DDPM_LIBTORCH is '{folder}', which holds no libtorch_cpu.so; it must name the lib folder of a libtorch or PyTorch 2.10 or later.");
        foreach (var library in LibrariesOfLibtorch.Select(name => Path.Combine(folder ?? packaged, name)).Where(File.Exists))
            NativeLibrary.Load(library);
        if (Path.Combine(packaged, "libLibTorchSharp.so") is var binding && File.Exists(binding))
            NativeLibrary.Load(binding);
    }

    private static string Explain(Exception fault)
    {
        var cause = fault.InnerException?.Message ?? fault.Message;
        if (fault is TorchRuntimeException)
            return fault.Message;
        if (cause.Contains("GLIBCXX_", StringComparison.Ordinal) || cause.Contains("GLIBC_", StringComparison.Ordinal))
            return "The C++ runtime of this system is too old: TorchSharp needs libstdc++ with GLIBCXX_3.4.32 (GCC 13), as in Ubuntu 24.04, Debian 13 or Fedora 39; "
                + "run the launcher ./ddpm, which adds it on Debian 12, or install a newer libstdc++6.";
        if (cause.Contains("libcuda", StringComparison.Ordinal))
            return $"The NVIDIA driver cannot be loaded ({cause}); install it, or use a CPU build (-p:TorchBackend=cpu).";
        return $"libtorch cannot be loaded ({cause}); build with -p:TorchBackend=cpu or cuda, or set DDPM_LIBTORCH to the lib folder of a libtorch.";
    }

    // Idle OpenMP threads spin by default: with one other busy process a forward pass then takes 40 times as long. A short spin costs little
    // when the machine is quiet. libgomp reads the variable when it is loaded, so it must be in the C environment before libtorch.
    private static void KeepIdleThreadsFromSpinning()
    {
        if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null)
            _ = SetEnvironmentVariable("GOMP_SPINCOUNT", "1000", overwrite: 0);
    }

    // Where a hypervisor tells nothing of the caches or of what shares them, oneDNN 3.7 was seen to compute wrongly with AVX-512 and rightly with AVX2, which is faster than doing without it (see OneDnn);
    // it reads the variable when it is first used. Our own kernels do not ask. NNPACK gives up there, and would warn on every thread.
    private static void KeepConvolutionsRightWhereTheTopologyIsHidden()
    {
        if (!OperatingSystem.IsLinux() || !X86Base.IsSupported || CpuTopology.IsTold(X86Base.CpuId))
            return;
        _ = SetEnvironmentVariable("ONEDNN_MAX_CPU_ISA", "AVX2", overwrite: 0);
        _ = SetEnvironmentVariable("TORCH_CPP_LOG_LEVEL", "ERROR", overwrite: 0);
    }

    // c10::initLogging reads TORCH_CPP_LOG_LEVEL; in Python importing torch calls it, here nobody would.
    private static unsafe void HeedLogLevel()
    {
        if (NativeLibrary.TryLoad("libc10.so", out var library) && NativeLibrary.TryGetExport(library, "_ZN3c1011initLoggingEv", out var initialise))
            ((delegate* unmanaged<void>)initialise)();
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironmentVariable(string name, string value, int overwrite);
}

/// <summary>libtorch cannot be loaded. The message is one sentence that says what to do.</summary>
public sealed class TorchRuntimeException(string message) : Exception(message);
