using System.Globalization;
using Ddpm.Engine.Data.Faces;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data;

/// <summary>Cartoon faces, drawn by this program: something to train on at once. The colour of the hair is the class.</summary>
/// <param name="count">How many; at least 1.</param>
/// <param name="seed">Face n depends on (seed, n) only.</param>
/// <param name="size">Side in pixels; at least 8.</param>
public sealed class FacesSource(int count, ulong seed, int size) : IImageSource
{
    /// <inheritdoc/>
    public ImageListing Open(CancellationToken cancellationToken)
    {
        if (count < 1)
            throw new DatasetException($"At least one face must be asked for, not {count}.");
        if (size < 8)
            throw new DatasetException($"Faces are at least 8 pixels wide, not {size}.");
        return new ImageListing(count, Enumerable.Range(0, count).Select(Entry));
    }

    private ImageEntry Entry(int index)
    {
        var face = Face.Draw(seed, index);
        var name = string.Create(CultureInfo.InvariantCulture, $"face-{index:0000000}.png");
        return new ImageEntry(name, face.HairName, () => Png(face));
    }

    private byte[] Png(Face face)
    {
        var picture = FaceDrawing.Render(face, size);
        return ImageCodec.EncodePng(picture.Pixels, size, size, 3);
    }
}
