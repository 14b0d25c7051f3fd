using Ddpm.Engine;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling.Guides;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Ddpm.Worker.Life;

namespace Ddpm.Worker.Sampling;

/// <summary>Decodes the pictures that a request came with, and makes the guide of them.</summary>
internal sealed class GuideReader(ArtifactStore artifacts, SampleBatch batch)
{
    private static readonly ImageDecodeOptions Limits = new() { MaxPixels = 1 << 24 };

    // A picture of that size takes more than 100 MB until it is as small as the model's: two at once, and none beside a large one of a dataset.
    private const long Room = DecodingRoom.Pixels / 2;

    /// <returns>Null where the request has no guide.</returns>
    /// <exception cref="JobFailedException">A picture cannot be read.</exception>
    public SamplingGuide? Read(DiffusionModel model)
    {
        return batch.Spec.Guide switch
        {
            null => null,
            { Kind: GuideKind.Picture } guide => new PictureGuide(Picture(GuideFiles.Picture), guide.Strength ?? SamplingGuide.UsualStrength),
            { Kind: GuideKind.Inpaint } guide => new Inpainting(Picture(GuideFiles.Picture), Decode(GuideFiles.Mask, channels: 1, model.Side))
            {
                JumpLength = guide.JumpLength ?? Inpainting.UsualJumps,
                Resamplings = guide.Resamplings ?? Inpainting.UsualJumps,
            },
            { ToSeed: { } seed } => new SeedInterpolation((ulong)seed),
            var guide => new PictureInterpolation(Picture(GuideFiles.Picture), Picture(GuideFiles.ToPicture), guide.Strength ?? SamplingGuide.UsualStrength),
        };

        PixelBatch Picture(string name) => Decode(name, model.Network.InChannels, model.Side);
    }

    private PixelBatch Decode(string name, int channels, int side)
    {
        using var room = DecodingRoom.Enter(Room);
        try
        {
            using var file = artifacts.OpenRead(GuideFiles.KeyOf(batch.Id, name));
            return PixelBatch.Of(ImageCodec.Decode(file, Limits), channels, side);
        }
        catch (ImageDecodeException fault)
        {
            throw new JobFailedException($"{name} cannot be read: {fault.Message}.", fault);
        }
        catch (FileNotFoundException missing)
        {
            throw new JobFailedException($"{name} is not there any more; send the request again.", missing);
        }
    }
}
