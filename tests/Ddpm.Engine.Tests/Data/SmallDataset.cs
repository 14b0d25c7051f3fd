using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Tests.Data;

/// <summary>Pictures made for tests.</summary>
internal static class SmallDataset
{
    /// <summary>8 × 8 pictures whose every value is the picture's number, but for the left column, which is 200.</summary>
    public static ImageDataset OfNumbers(string folder, int count)
    {
        DatasetBuilder.Build(
            new MemorySource([.. Enumerable.Range(0, count).Select(n => ($"{n:0000}.png", (string?)null, Numbered(n)))]),
            new DatasetOptions { Resolution = 8 }, folder, null, CancellationToken.None);
        return ImageDataset.Open(folder);
    }

    /// <summary>Plain pictures, one class each of those named, over and over; null for a picture without a class.</summary>
    public static ImageDataset OfClasses(string folder, int count, params IReadOnlyList<string?> classes)
    {
        DatasetBuilder.Build(
            new MemorySource([.. Enumerable.Range(0, count).Select(n => ($"{n:0000}.png", classes[n % classes.Count], Numbered(n)))]),
            new DatasetOptions { Resolution = 8 }, folder, null, CancellationToken.None);
        return ImageDataset.Open(folder);
    }

    /// <summary>The numbers of the pictures of a batch; their middle is untouched by mirroring.</summary>
    public static int[] Numbers(ImageBatch batch) =>
        [.. Enumerable.Range(0, batch.Images.Count).Select(n => (int)batch.Images.Image(n)[4])];

    public static byte[] Plain(int side, byte value) => ImageCodec.EncodePng([.. Enumerable.Repeat(value, side * side * 3)], side, side, 3);

    private static byte[] Numbered(int n)
    {
        var pixels = Enumerable.Repeat((byte)n, 8 * 8 * 3).ToArray();
        for (var row = 0; row < 8; row++)
            pixels.AsSpan(row * 8 * 3, 3).Fill(200);
        return ImageCodec.EncodePng(pixels, 8, 8, 3);
    }
}

/// <summary>Files that were never on a disk.</summary>
internal sealed class MemorySource(params IReadOnlyList<(string Name, string? Class, byte[] Content)> files) : IImageSource
{
    public ImageListing Open(CancellationToken cancellationToken) =>
        new(files.Count, files.Select(file => new ImageEntry(file.Name, file.Class, () => file.Content)));
}
