using System.CommandLine;
using System.Globalization;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Sampling;

namespace Ddpm.Cli.Sampling;

/// <summary>The options of every command that draws: which sampler, and how it goes.</summary>
internal sealed class SamplerOptions
{
    private readonly Option<string?> _sampler = Arguments.Choice("--sampler", "How; the model's own if not given, or ddim where that is ddpm:", null, [.. SamplerKinds.Names]);
    private readonly Option<int?> _steps = Arguments.OptionalNumber("--steps", "Steps of a run, at most the model's T; ddpm: T, ddim: 50, heun: 13, others: 25, if not given.", 1, 10_000);
    private readonly Option<string?> _timesteps = Arguments.OptionalList("--timesteps", "The timesteps to visit, falling, instead of --steps.", 10_000, 0, 99_999);
    private readonly Option<double> _eta = Arguments.Number("--eta", "Share of fresh noise in ddim.", 0.0, 1, 0);
    private readonly Option<string?> _spacing = Arguments.Choice("--spacing", "Which timesteps a short run visits; the model's own if not given:", null, "leading", "trailing", "linspace", "quadratic");
    private readonly Option<int?> _order = Arguments.OptionalNumber("--order", "Order of dpmsolver++, sde-dpmsolver++ and unipc; the model's own, or 2, if not given.", 1, 3);
    private readonly Option<bool> _karras = new("--karras") { Description = "Noise levels spaced as by Karras et al. 2022, in all but ddpm and ddim." };
    private readonly Option<string?> _clip = Arguments.Choice("--clip-sample", "Clip x̂₀ at every step; as the model's schedule says if not given (diffusers' fast solvers never do):", null, "true", "false");

    /// <summary>Makes the command know them.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _sampler, _steps, _timesteps, _eta, _spacing, _order, _karras, _clip })
            command.Add(option);
    }

    /// <summary>What was chosen.</summary>
    /// <exception cref="UserErrorException">It does not fit the model.</exception>
    public SamplerConfig From(ParseResult parsed, DiffusionModel model)
    {
        var config = new SamplerConfig
        {
            Kind = parsed.GetValue(_sampler) is { } name ? SamplerKinds.Parse(name) : null,
            Steps = parsed.GetValue(_steps),
            Timesteps = parsed.GetValue(_timesteps)?.Split(',').Select(timestep => int.Parse(timestep, CultureInfo.InvariantCulture)).ToList(),
            Eta = parsed.GetValue(_eta),
            Spacing = parsed.GetValue(_spacing) is { } spacing ? Enum.Parse<TimestepSpacing>(spacing, ignoreCase: true) : null,
            Order = parsed.GetValue(_order),
            Karras = parsed.GetValue(_karras) ? true : null,
            ClipSample = parsed.GetValue(_clip) is { } answer ? answer == "true" : null,
        };
        return config.Faults(model.Schedule).ToList() is [var fault, ..] ? throw new UserErrorException("--" + fault) : config;
    }
}
