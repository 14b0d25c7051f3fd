using System.Reflection;
using Ddpm.Engine.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Native;

/// <summary>Numbers that are handed to libtorch are held until it has read them: see <see cref="Scalars"/>.</summary>
public sealed class ScalarTests
{
    // A rare activation, and feature networks that are programs of others: what fails there can be asked for again, and neither has another way.
    private static readonly string[] Accepted = ["functional.mish", "ScriptModule`2.call"];

    [Fact]
    public void Engine_HoldsEveryNumberThatItHandsToLibtorch()
    {
        var careless = CarelessMethods();
        Assert.Contains(careless, method => method is { Name: "op_Division", DeclaringType.Name: nameof(Tensor) }); // or nothing is found at all
        var found = CallReader.MethodsOf(typeof(Scalars).Assembly).SelectMany(method => Faults(method, careless)).Distinct().Order(StringComparer.Ordinal).ToList();
        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    [Fact]
    public void Arithmetic_IsThatOfTheOperators()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (tensor(new[] { -1.5f, 0.3f, 2.7f }), tensor(new[] { 0.1f, -0.2f, 3f }));
        (Tensor Ours, Tensor Theirs)[] pairs =
        [
            (a.Plus(b), a + b), (a.Plus(0.1), a + 0.1), (a.Minus(0.1), a - 0.1), (a.From(0.1), 0.1 - a), (a.Times(0.1), a * 0.1), (a.Over(0.3), a / 0.3), (a.Squared(), a.square()),
            (a.Power(3), a.pow(3)), (a.AtLeast(0.1), a.clamp_min(0.1)), (a.Within(-1, 1), a.clamp(-1, 1)), (a.Below(0.1).to(float32), (a < 0.1).to(float32)), (a.Above(0.1).to(float32), (a > 0.1).to(float32)),
            (a.clone().Plus_(b), a + b), (a.clone().Become(0.1), full_like(a, 0.1)),
        ];
        Assert.All(pairs, pair => Assert.Equal(pair.Theirs.data<float>().ToArray(), pair.Ours.data<float>().ToArray()));
    }

    // Methods of TorchSharp that make a number themselves, and those that call such.
    private static HashSet<MethodBase> CarelessMethods()
    {
        var calls = CallReader.MethodsOf(typeof(torch).Assembly).Where(method => method.GetMethodBody() is not null)
            .ToDictionary(method => method, method => CallReader.CallsOf(method).Select(call => call.Called).ToList());
        HashSet<MethodBase> careless = [];
        for (var before = -1; before != careless.Count;)
        {
            before = careless.Count;
            careless.UnionWith(calls.Where(method => method.Value.Any(called => MakesScalar(called) || careless.Contains(called))).Select(method => method.Key));
        }

        return careless;
    }

    private static IEnumerable<string> Faults(MethodBase method, HashSet<MethodBase> careless)
    {
        var unheld = 0;
        foreach (var (called, isStored) in CallReader.CallsOf(method))
        {
            var isTheirs = called.Module == typeof(torch).Module;
            if (MakesScalar(called))
                unheld += isStored ? 0 : 1;
            else if (isTheirs && careless.Contains(called) && !Accepted.Contains($"{called.DeclaringType!.Name}.{called.Name}"))
                yield return $"{method.DeclaringType}.{method.Name} calls {called}, which makes a number that nobody holds";
            else if (called.GetParameters().Any(parameter => parameter.ParameterType == typeof(Scalar)))
            {
                if (isTheirs && unheld > 0)
                    yield return $"{method.DeclaringType}.{method.Name} hands a number that it does not hold to {called}";
                unheld = 0;
            }
        }
    }

    private static bool MakesScalar(MethodBase method) => (method.DeclaringType == typeof(Scalar) && method.Name == "op_Implicit")
        || (method.DeclaringType == typeof(ScalarExtensionMethods) && ((MethodInfo)method).ReturnType == typeof(Scalar));
}
