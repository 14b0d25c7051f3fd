using System.CommandLine;
using System.Globalization;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling.Guides;

namespace Ddpm.Cli.Sampling;

/// <summary><c>ddpm inpaint</c>: part of a picture painted anew.</summary>
internal static class InpaintCommand
{
    public static Command Create()
    {
        var drawing = new Drawing(usualCount: 4);
        var picture = new Argument<string>("PICTURE") { Description = "What is painted on; the largest centred square of it is used." };
        var mask = PictureFile.Option("--mask", "A picture of the same shape: white where the model paints anew, black where the picture stays.");
        var box = Arguments.OptionalList("--box", "Instead of a mask: left, top, width and height, in pixels of the model, of what is painted anew.", 4, 0, 99_999);
        var jumpLength = Arguments.Number("--jump-length", "RePaint: how many steps the run goes back at a time.", 1, 1000, Inpainting.UsualJumps);
        var resamplings = Arguments.Number("--resamplings", "RePaint: how often each stretch is done; 1 for never going back.", 1, 100, Inpainting.UsualJumps);
        var command = new Command("inpaint", $"Paints part of a picture anew (RePaint, Lugmayr et al. 2022). With ddpm, in {Inpainting.UsualSteps} steps, unless told otherwise; or with ddim.")
        {
            picture, mask, box, jumpLength, resamplings,
        };
        drawing.AddTo(command);
        command.SetAction(parsed =>
        {
            if ((parsed.GetValue(mask) is null) == (parsed.GetValue(box) is null))
                throw new UserErrorException("--mask or --box is needed, one of them.");
            return drawing.Draw(parsed, model =>
            {
                var painted = parsed.GetValue(mask) is { } file ? PictureFile.ReadMask("--mask", file, model) : Box(parsed.GetValue(box)!, model);
                return new Inpainting(PictureFile.Read("PICTURE", parsed.GetRequiredValue(picture), model), painted) { JumpLength = parsed.GetValue(jumpLength), Resamplings = parsed.GetValue(resamplings) };
            });
        });
        return command;
    }

    private static PixelBatch Box(string text, DiffusionModel model)
    {
        if (text.Split(',').Select(part => int.Parse(part, CultureInfo.InvariantCulture)).ToArray() is not [var left, var top, > 0 and var width, > 0 and var height]
            || left + width > model.Side || top + height > model.Side)
            throw new UserErrorException($"--box is '{text}'; left,top,width,height within the model's {model.Side}×{model.Side} pixels is accepted.");
        var pixels = new byte[model.Side * model.Side];
        for (var y = top; y < top + height; y++)
            pixels.AsSpan((y * model.Side) + left, width).Fill(byte.MaxValue);
        return new PixelBatch(pixels, 1, 1, model.Side, model.Side);
    }
}
