using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ddpm.Cli.CommandLine;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>How a TorchScript file wants its timestep: a trace takes it only as its example was, and does not say how that was.</summary>
/// <param name="Name">For people.</param>
/// <param name="IsOfEachPicture">Whether pictures of one call can be at timesteps that differ.</param>
/// <param name="Of">Makes it of int64 <c>[batch]</c>.</param>
internal sealed record TimestepForm(string Name, bool IsOfEachPicture, Func<Tensor, Tensor> Of)
{
    /// <summary>In the order in which they are tried.</summary>
    public static IReadOnlyList<TimestepForm> All { get; } =
    [
        new("int64 [batch]", true, timesteps => timesteps),
        new("int64 scalar", false, timesteps => timesteps[0]),
        new("float32 [batch]", true, timesteps => timesteps.to(ScalarType.Float32)),
        new("float32 scalar", false, timesteps => timesteps[0].to(ScalarType.Float32)),
        new("int64 [1]", false, timesteps => timesteps[..1]),
    ];
}

/// <summary>A network as someone else wrote it: a TorchScript file that takes (sample, timestep), or (sample, timestep, class labels) where the model knows classes.</summary>
internal sealed class TracedNetwork : IDisposable
{
    /// <summary>Errors below this share of the largest value can be those of bfloat16; a network of other weights is off by about the largest value itself.</summary>
    private const double Agreement = 0.2;

    private readonly jit.ScriptModule _module;

    private TracedNetwork(jit.ScriptModule module, TimestepForm form) => (_module, Form) = (module, form);

    /// <summary>What calls make of their timesteps.</summary>
    public TimestepForm Form { get; }

    /// <summary>Loads a file and finds out by trial how it is called.</summary>
    /// <param name="file">The TorchScript file.</param>
    /// <param name="plain">The network that it should be.</param>
    /// <param name="inputs">What networks of the model are called with.</param>
    /// <param name="batches">Pictures of trial calls: a trace may hold for one number only. Others come after 2.</param>
    /// <exception cref="UserErrorException">It cannot be loaded, is called in no way that is known, or is of another network.</exception>
    public static TracedNetwork Load(string file, NetworkUnderTest plain, NetworkInputs inputs, IEnumerable<int> batches)
    {
        if (!File.Exists(file))
            throw new UserErrorException($"--baseline: there is no file '{file}'.");
        TimestepForm form;
        using (var tried = Read(file, inputs.Device))
            form = Find(tried, file, plain, inputs, [2, .. batches]);
        return new TracedNetwork(Read(file, inputs.Device), form); // afresh: TorchScript compiles for what its first calls were
    }

    /// <returns>float32; dies with the caller's scope.</returns>
    /// <exception cref="UserErrorException">It cannot be called so.</exception>
    public Tensor Call(Tensor sample, Tensor timesteps, Tensor? labels)
    {
        try
        {
            return Call(_module, Form, sample, timesteps, labels);
        }
        catch (ExternalException fault)
        {
            throw new UserErrorException($"--baseline: a call with {sample.shape[0]} pictures fails: {NativeFault.LineOf(fault)}");
        }
    }

    public void Dispose() => _module.Dispose();

    private static jit.ScriptModule Read(string file, Device device)
    {
        try
        {
            var module = jit.load(file, device.type, device.index);
            module.eval();
            return module;
        }
        catch (ExternalException fault)
        {
            throw new UserErrorException($"--baseline: '{file}' cannot be loaded: {NativeFault.LineOf(fault)}");
        }
    }

    private static TimestepForm Find(jit.ScriptModule module, string file, NetworkUnderTest plain, NetworkInputs inputs, IEnumerable<int> batches)
    {
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        var reason = "";
        foreach (var batch in batches.Distinct())
        {
            var (sample, labels) = (inputs.Sample(batch), inputs.Labels(batch));
            var fitting = new List<(TimestepForm Form, double Error)>();
            foreach (var form in TimestepForm.All)
            {
                var timesteps = inputs.Timesteps(batch, form.IsOfEachPicture);
                var expected = plain.Call(sample, timesteps, labels);
                if (Try(module, form, sample, timesteps, labels, ref reason) is not { } output)
                    continue;
                if (output.shape.SequenceEqual(expected.shape))
                    fitting.Add((form, (output - expected).abs().max().item<float>() / expected.abs().max().item<float>()));
                else
                    reason = $"it gives [{string.Join(", ", output.shape)}], and the model [{string.Join(", ", expected.shape)}]";
            }

            if (fitting.Count > 0)
                return fitting.Find(found => found.Error < Agreement).Form
                    ?? throw new UserErrorException(string.Create(CultureInfo.InvariantCulture,
                        $"--baseline: '{file}' is not this model: it differs by {fitting.Min(found => found.Error):G2} of the largest value, however it is given its timesteps."));
            var ignored = "";
            if (labels is not null && TimestepForm.All.Any(form => Try(module, form, sample, inputs.Timesteps(batch, form.IsOfEachPicture), null, ref ignored) is not null))
                throw new UserErrorException($"--baseline: '{file}' takes (sample, timestep) only, and the model knows classes: trace it with class labels as the third input.");
        }

        throw new UserErrorException($"--baseline: '{file}' cannot be called with (sample, timestep) of this model on {inputs.Device}: {reason}.");
    }

    private static Tensor? Try(jit.ScriptModule module, TimestepForm form, Tensor sample, Tensor timesteps, Tensor? labels, ref string reason)
    {
        try
        {
            return Call(module, form, sample, timesteps, labels);
        }
        catch (Exception fault) when (fault is ExternalException or UserErrorException)
        {
            if (reason.Length == 0) // of the most usual form
                reason = NativeFault.LineOf(fault);
            return null;
        }
    }

    private static Tensor Call(jit.ScriptModule module, TimestepForm form, Tensor sample, Tensor timesteps, Tensor? labels)
    {
        object[] arguments = labels is null ? [sample, form.Of(timesteps)] : [sample, form.Of(timesteps), labels];
        return module.call(arguments) switch
        {
            Tensor output => output.to(ScalarType.Float32),
            Tensor[] { Length: > 0 } outputs => outputs[0].to(ScalarType.Float32),
            ITuple { Length: > 0 } outputs when outputs[0] is Tensor output => output.to(ScalarType.Float32),
            var other => throw new UserErrorException($"--baseline: it gives no tensor but {other?.GetType().Name ?? "nothing"}"),
        };
    }
}
