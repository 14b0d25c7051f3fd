using System.CommandLine;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Sampling.Guides;

namespace Ddpm.Cli.Sampling;

/// <summary><c>ddpm sample</c>: a model folder in, pictures out.</summary>
internal static class SampleCommand
{
    public static Command Create()
    {
        var drawing = new Drawing(usualCount: 16);
        var from = PictureFile.Option("--from", "Draw after this picture instead of from noise alone (SDEdit); the largest centred square of it is used.");
        var strength = PictureFile.Strength("With --from: how much is drawn anew; 0 gives the picture back, 1 keeps next to nothing of it. 0.5 if not given.");
        var command = new Command("sample", "Draws pictures with a model.") { from, strength };
        drawing.AddTo(command);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(from) is null && parsed.GetValue(strength) is not null)
                throw new UserErrorException("--strength needs --from.");
            return drawing.Draw(parsed, model => parsed.GetValue(from) is { } file ? new PictureGuide(PictureFile.Read("--from", file, model), parsed.GetValue(strength) ?? SamplingGuide.UsualStrength) : null);
        });
        return command;
    }
}
