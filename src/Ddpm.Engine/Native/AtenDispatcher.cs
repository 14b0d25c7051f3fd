using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace Ddpm.Engine.Native;

/// <summary>Calls operators of libtorch that TorchSharp does not bind, by name, through the C functions that libtorch keeps stable (<c>torch/csrc/inductor/aoti_torch/c/shim.h</c>, from 2.9 on).</summary>
/// <remarks>An argument is a cell of 64 bits: a number's own bits, a handle that the call consumes, or, for what may be absent, a pointer to such a cell from malloc, which it frees.
/// Operators with arguments of type <c>Scalar</c> cannot be called so.</remarks>
internal static unsafe class AtenDispatcher
{
    private static readonly Lazy<Functions?> Found = new(Find);

    /// <summary>Whether the loaded libtorch has those functions.</summary>
    public static bool IsAvailable => Found.Value is not null;

    /// <summary>Calls an operator whose results are its arguments, changed in place.</summary>
    /// <param name="name">Such as <c>aten::_fused_adamw_</c>.</param>
    /// <param name="overload">Such as <c>List</c>; empty for none.</param>
    /// <param name="arguments">All of the schema: <see cref="Tensor"/>, a list of them, float (as double), bool, int (as long), or null for what is optional. Borrowed.
    /// A tensor for an optional argument stands in an <see cref="Optional"/>.</param>
    /// <exception cref="InvalidOperationException">libtorch has no such operator or refuses the arguments; it has written why to the standard error.</exception>
    public static void Call(string name, string overload, params ReadOnlySpan<object?> arguments)
    {
        var functions = Found.Value ?? throw new InvalidOperationException("This libtorch has no aoti_torch_call_dispatcher; 2.9 or later is needed.");
        var stack = stackalloc ulong[Math.Max(arguments.Length, 1)];
        for (var index = 0; index < arguments.Length; index++)
            stack[index] = functions.Cell(arguments[index]);
        fixed (byte* operation = Encoding.UTF8.GetBytes(name + '\0'), variant = Encoding.UTF8.GetBytes(overload + '\0'))
        {
            if (functions.CallDispatcher(operation, variant, stack) != 0)
                throw new InvalidOperationException($"libtorch refuses to call {name}{(overload.Length > 0 ? "." + overload : "")} with these arguments.");
        }
    }

    /// <summary>A tensor where the schema says <c>Tensor?</c>.</summary>
    public sealed record Optional(Tensor Value);

    private static Functions? Find()
    {
        TorchRuntime.Initialize();
        return TorchLibrary.TryGetExport("aoti_torch_call_dispatcher", out var call)
            && TorchLibrary.TryGetExport("aoti_torch_new_tensor_handle", out var copy)
            && TorchLibrary.TryGetExport("torch_new_list_reserve_size", out var list)
            && TorchLibrary.TryGetExport("torch_list_push_back", out var push)
            ? new Functions(call, copy, list, push)
            : null;
    }

    private sealed class Functions(nint call, nint copy, nint list, nint push)
    {
        public int CallDispatcher(byte* name, byte* overload, ulong* stack) => ((delegate* unmanaged[Cdecl]<byte*, byte*, ulong*, int>)call)(name, overload, stack);

        public ulong Cell(object? argument) => argument switch
        {
            null => 0,
            Tensor tensor => Handle(tensor),
            Optional optional => Heap(Handle(optional.Value)),
            IReadOnlyList<Tensor> tensors => List(tensors),
            double number => BitConverter.DoubleToUInt64Bits(number),
            long number => (ulong)number,
            bool truth => truth ? 1UL : 0UL,
            _ => throw new ArgumentException($"An argument of type {argument.GetType().Name} cannot be passed.", nameof(argument)),
        };

        private static ulong Heap(ulong cell)
        {
            var memory = (ulong*)NativeMemory.Alloc(sizeof(ulong)); // malloc, which is what the library's delete gives back to
            *memory = cell;
            return (ulong)memory;
        }

        // A reference of its own, since the call consumes it.
        private ulong Handle(Tensor tensor)
        {
            nint handle = 0;
            Check(((delegate* unmanaged[Cdecl]<nint, nint*, int>)copy)(tensor.Handle, &handle));
            GC.KeepAlive(tensor);
            return (ulong)handle;
        }

        private ulong List(IReadOnlyList<Tensor> tensors)
        {
            nint handle = 0;
            Check(((delegate* unmanaged[Cdecl]<nuint, nint*, int>)list)((nuint)tensors.Count, &handle));
            foreach (var tensor in tensors)
                Check(((delegate* unmanaged[Cdecl]<nint, ulong, int>)push)(handle, Handle(tensor)));
            return (ulong)handle;
        }

        private static void Check(int error)
        {
            if (error != 0)
                throw new InvalidOperationException("libtorch cannot take the arguments of an operator.");
        }
    }
}
