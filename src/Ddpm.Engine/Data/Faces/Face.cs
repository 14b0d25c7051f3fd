using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data.Faces;

internal enum HairStyle { Bob, Long, Spiky, Curly, Buns, Swept, Pigtails }

internal enum Mouth { Smile, Grin, Calm, Surprised }

internal enum Glasses { None, Round, Square }

internal enum Hat { None, Beanie, Bow }

/// <summary>Everything that tells one face from another.</summary>
internal sealed record Face
{
    public required string HairName { get; init; }
    public required Rgb Hair { get; init; }
    public required HairStyle Style { get; init; }
    public required Rgb Skin { get; init; }
    public required Rgb Lips { get; init; }
    public required Rgb Iris { get; init; }
    public required Mouth Mouth { get; init; }
    public required Glasses Glasses { get; init; }
    public required Hat Hat { get; init; }
    public required Rgb Cloth { get; init; }
    public required Rgb Background { get; init; }

    /// <summary>Which way the eyes look: -1 to 1.</summary>
    public required double Gaze { get; init; }

    /// <summary>From worried (-1) to cheeky (1).</summary>
    public required double Brows { get; init; }

    /// <summary>Whether hair and gaze are mirrored.</summary>
    public required bool Mirrored { get; init; }

    /// <summary>Place of the head, in 64ths of the picture.</summary>
    public required double MoveX { get; init; }

    /// <summary>Place of the head, in 64ths of the picture.</summary>
    public required double MoveY { get; init; }

    /// <summary>Size of the head, about 1.</summary>
    public required double Scale { get; init; }

    /// <summary>Face number <paramref name="index"/> of a seed.</summary>
    public static Face Draw(ulong seed, int index)
    {
        var random = new CounterRandom(seed, (ulong)index);
        var (hairName, hair) = Pick(random, Trait.Hair, FacePalette.Hair);
        var (skin, lips) = Pick(random, Trait.Skin, FacePalette.Skin);
        var style = (HairStyle)random.Below((ulong)Trait.Style, Enum.GetValues<HairStyle>().Length);
        return new Face
        {
            HairName = hairName,
            Hair = hair,
            Style = style,
            Skin = skin,
            Lips = lips,
            Iris = Pick(random, Trait.Iris, FacePalette.Iris),
            Mouth = Pick(random, Trait.Mouth, [Mouth.Smile, Mouth.Smile, Mouth.Smile, Mouth.Grin, Mouth.Grin, Mouth.Calm, Mouth.Surprised]),
            Glasses = Pick(random, Trait.Glasses, [.. Enumerable.Repeat(Glasses.None, 8), Glasses.Round, Glasses.Square]),
            Hat = Pick(random, Trait.Hat, HatsOver(style)),
            Cloth = Pick(random, Trait.Cloth, FacePalette.Cloth),
            Background = Pick(random, Trait.Background, FacePalette.Background),
            Gaze = Pick(random, Trait.Gaze, [-1.0, 0, 0, 0, 1]),
            Brows = Pick(random, Trait.Brows, [-1.0, 0, 0, 1]),
            Mirrored = random.Below((ulong)Trait.Mirrored, 2) == 1,
            MoveX = Between(random, Trait.MoveX, -1.5, 1.5),
            MoveY = Between(random, Trait.MoveY, -1, 1),
            Scale = Between(random, Trait.Scale, 0.96, 1.04),
        };
    }

    // Nothing fits over buns, and a beanie would hide all of the short styles, whose colour is the class.
    private static IReadOnlyList<Hat> HatsOver(HairStyle style) => style switch
    {
        HairStyle.Buns => [Hat.None],
        HairStyle.Bob or HairStyle.Long or HairStyle.Curly or HairStyle.Pigtails => [Hat.None, Hat.None, Hat.None, Hat.None, Hat.Beanie, Hat.Bow],
        _ => [Hat.None, Hat.None, Hat.None, Hat.None, Hat.None, Hat.Bow],
    };

    // One random number each: a trait more does not change the others.
    private enum Trait : ulong { Hair, Style, Skin, Iris, Mouth, Glasses, Hat, Cloth, Background, Gaze, Brows, Mirrored, MoveX, MoveY, Scale }

    private static T Pick<T>(CounterRandom random, Trait trait, IReadOnlyList<T> choices) => choices[random.Below((ulong)trait, choices.Count)];

    private static double Between(CounterRandom random, Trait trait, double low, double high) => double.Lerp(low, high, random.Unit((ulong)trait));
}
