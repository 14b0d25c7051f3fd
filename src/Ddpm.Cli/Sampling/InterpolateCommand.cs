using System.CommandLine;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Sampling.Guides;

namespace Ddpm.Cli.Sampling;

/// <summary><c>ddpm interpolate</c>: pictures on the way from one to another.</summary>
internal static class InterpolateCommand
{
    private const int UsualCount = 9;

    public static Command Create()
    {
        var drawing = new Drawing(UsualCount, inOneRow: true);
        var from = PictureFile.Option("--from", "The picture at the beginning; the largest centred square of it is used.");
        var to = PictureFile.Option("--to", "The picture at the end, likewise.");
        var strength = PictureFile.Strength("How far the two pictures are taken apart: 0 blends their pixels, 1 keeps next to nothing of them. 0.5 if not given.");
        var toSeed = Arguments.OptionalNumber("--to-seed", "Instead of two pictures: from the picture of --seed to that of this seed.", 0, Drawing.LargestSeed);
        var command = new Command("interpolate", "Draws pictures on the way from one to another (Ho et al. 2020, figure 8), or from one seed's to another's.")
        {
            from, to, strength, toSeed,
        };
        drawing.AddTo(command);
        command.SetAction(parsed =>
        {
            var (first, last, seed) = (parsed.GetValue(from), parsed.GetValue(to), parsed.GetValue(toSeed));
            if ((first is null) != (last is null) || (first is null) == (seed is null))
                throw new UserErrorException("--from and --to, or --to-seed alone, are needed.");
            if (seed is not null && parsed.GetValue(strength) is not null)
                throw new UserErrorException("--strength needs --from and --to.");
            return drawing.Draw(parsed, model => seed is { } target
                ? new SeedInterpolation((ulong)target)
                : new PictureInterpolation(PictureFile.Read("--from", first!, model), PictureFile.Read("--to", last!, model), parsed.GetValue(strength) ?? SamplingGuide.UsualStrength));
        });
        return command;
    }
}
