namespace Ddpm.Engine.Imaging;

/// <summary>Pictures as the network wants them: a plane for each channel.</summary>
internal static class Planes
{
    /// <summary>Red, green and blue, or for one channel the luma: <c>[channels, height, width]</c>.</summary>
    public static byte[] Of(DecodedImage image, int channels)
    {
        var area = image.Width * image.Height;
        var planes = new byte[channels * area];
        for (var i = 0; i < area; i++)
        {
            var (red, green, blue) = (image.Pixels[3 * i], image.Pixels[3 * i + 1], image.Pixels[3 * i + 2]);
            if (channels == 1)
                planes[i] = Luma(red, green, blue);
            else
                (planes[i], planes[area + i], planes[2 * area + i]) = (red, green, blue);
        }
        return planes;
    }

    // ITU-R BT.601 in 16-bit fixed point, to the last bit as PIL's convert("L").
    private static byte Luma(int red, int green, int blue) => (byte)((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
}
