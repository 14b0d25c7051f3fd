using System.CommandLine;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Imaging;

namespace Ddpm.Cli.Sampling;

/// <summary>Pictures that commands draw from.</summary>
internal static class PictureFile
{
    public static Option<string?> Option(string name, string description) => new(name) { Description = description, HelpName = "PICTURE" };

    public static Option<double?> Strength(string description) => Arguments.OptionalNumber("--strength", description, 0.0, 1);

    /// <summary>Reads a picture as the model sees it.</summary>
    /// <exception cref="UserErrorException">There is no such file, or it is no picture.</exception>
    public static PixelBatch Read(string option, string file, DiffusionModel model) => PixelBatch.Of(Decode(option, file), model.Network.InChannels, model.Side);

    /// <summary>Reads a mask for the model's pictures: one channel.</summary>
    /// <exception cref="UserErrorException">There is no such file, or it is no picture.</exception>
    public static PixelBatch ReadMask(string option, string file, DiffusionModel model) => PixelBatch.Of(Decode(option, file), channels: 1, model.Side);

    private static DecodedImage Decode(string option, string file)
    {
        try
        {
            using var stream = File.OpenRead(file);
            return ImageCodec.Decode(stream, new ImageDecodeOptions());
        }
        catch (ImageDecodeException fault)
        {
            throw new UserErrorException($"{option} '{file}': {fault.Message}.");
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserErrorException($"{option} '{file}' is not there; a PNG, JPEG, WebP, GIF or BMP is needed.");
        }
    }
}
