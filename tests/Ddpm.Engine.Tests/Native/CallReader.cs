using System.Reflection;
using System.Reflection.Emit;

namespace Ddpm.Engine.Tests.Native;

/// <summary>Reads which methods a compiled method calls, and what happens to what they return.</summary>
internal static class CallReader
{
    private const byte LongForm = 0xfe;
    private static readonly Dictionary<short, OpCode> OpCodes = typeof(OpCodes).GetFields().Select(field => field.GetValue(null)).OfType<OpCode>().ToDictionary(code => code.Value);

    /// <summary>All methods and constructors of an assembly, those that the compiler made too.</summary>
    public static IEnumerable<MethodBase> MethodsOf(Assembly assembly)
    {
        const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance;
        return assembly.GetTypes().SelectMany(type => type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared)));
    }

    /// <summary>Calls in their order, and whether the next instruction stores the result.</summary>
    public static IEnumerable<(MethodBase Called, bool IsStored)> CallsOf(MethodBase method)
    {
        var code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        MethodBase? called = null;
        for (var at = 0; at < code.Length;)
        {
            var value = code[at] == LongForm ? (short)((LongForm << 8) | code[at + 1]) : code[at];
            var instruction = OpCodes[value];
            at += instruction.Size;
            if (called is not null)
                yield return (called, instruction.Name!.StartsWith("st", StringComparison.Ordinal));
            called = instruction.OperandType == OperandType.InlineMethod ? Resolve(method, BitConverter.ToInt32(code, at)) : null;
            at += SizeOf(instruction.OperandType, code, at);
        }
    }

    private static MethodBase? Resolve(MethodBase method, int token)
    {
        var ofType = method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        return method.Module.ResolveMethod(token, ofType, method is MethodInfo { IsGenericMethod: true } generic ? generic.GetGenericArguments() : null);
    }

    private static int SizeOf(OperandType operand, byte[] code, int at) => operand switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
        _ => 4,
    };
}
