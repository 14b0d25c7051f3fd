using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data.Faces;

/// <summary>Few colours, far apart: they must be told apart at 32 × 32 pixels.</summary>
internal static class FacePalette
{
    /// <summary>The classes.</summary>
    public static IReadOnlyList<(string Name, Rgb Colour)> Hair { get; } =
    [
        ("black", Rgb.Parse("#2d2a3a")),
        ("blond", Rgb.Parse("#f4c542")),
        ("blue", Rgb.Parse("#3f72d9")),
        ("brown", Rgb.Parse("#7b4a2b")),
        ("pink", Rgb.Parse("#ee6fae")),
        ("red", Rgb.Parse("#d2452d")),
    ];

    /// <summary>Each with lips that stand out against it.</summary>
    public static IReadOnlyList<(Rgb Skin, Rgb Lips)> Skin { get; } =
    [
        (Rgb.Parse("#ffe3cf"), Rgb.Parse("#b5303f")),
        (Rgb.Parse("#fbd0ae"), Rgb.Parse("#ab2c3a")),
        (Rgb.Parse("#e3a878"), Rgb.Parse("#8f1f2c")),
        (Rgb.Parse("#b87748"), Rgb.Parse("#64121c")),
        (Rgb.Parse("#8a5632"), Rgb.Parse("#430b14")),
    ];

    public static IReadOnlyList<Rgb> Iris { get; } =
        [Rgb.Parse("#3b82d6"), Rgb.Parse("#3a9d5d"), Rgb.Parse("#7a4a23"), Rgb.Parse("#7d52c4")];

    public static IReadOnlyList<Rgb> Cloth { get; } =
        [Rgb.Parse("#e8574a"), Rgb.Parse("#3d6fb6"), Rgb.Parse("#f2f2ee"), Rgb.Parse("#36a08a"), Rgb.Parse("#7a56a8"), Rgb.Parse("#35384a")];

    public static IReadOnlyList<Rgb> Background { get; } =
        [Rgb.Parse("#bfe3f7"), Rgb.Parse("#c9efd0"), Rgb.Parse("#dccff5"), Rgb.Parse("#fbe9c6"), Rgb.Parse("#f9d5d8"), Rgb.Parse("#dfe4ea")];
}
