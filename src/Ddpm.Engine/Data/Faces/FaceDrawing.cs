using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data.Faces;

/// <summary>Draws a face, back to front, on a picture 64 units wide with y pointing down. The face is symmetric about x = 32.</summary>
internal static class FaceDrawing
{
    private const double Units = 64;
    private const int Supersampling = 4;
    private const string Head = "M13.5,32 C13.5,17 21,12 32,12 S50.5,17 50.5,32 C50.5,45 42,55 32,55 S13.5,45 13.5,32 z";

    private static readonly Rgb _ink = Rgb.Parse("#2a2230");

    /// <summary>Drawn larger and brought to size with <see cref="Resize"/>, as a photograph would be.</summary>
    public static DecodedImage Render(Face face, int size)
    {
        using var canvas = new Canvas(size * Supersampling, size * Supersampling, Units, face.Background);
        canvas.Place(face.MoveX, face.MoveY, face.Scale, 32, 34);
        if (face.Mirrored)
            canvas.MirrorAbout(32);

        Hair(canvas, face, HairDrawing.Behind);
        Body(canvas, face);
        Skin(canvas, face);
        Eyes(canvas, face);
        MouthAndNose(canvas, face);
        Hair(canvas, face, HairDrawing.Front);
        Brows(canvas, face);
        Spectacles(canvas, face);
        Headwear(canvas, face);
        return Resize.ToSquare(canvas.ToImage(), size);
    }

    private static void Hair(Canvas canvas, Face face, Action<Canvas, Face> draw)
    {
        // A beanie presses down what would stick out beside it.
        using var room = canvas.Inside(face.Hat == Hat.Beanie ? "M-8,19 H72 V80 H-8 z" : "M-8,-8 H72 V80 H-8 z");
        draw(canvas, face);
    }

    private static void Body(Canvas canvas, Face face)
    {
        canvas.Fill("M10,70 C10,60 20,57 32,57 S54,60 54,70 z", face.Cloth);
        canvas.Fill("M26.5,48 L26.5,57 Q32,62.5 37.5,57 L37.5,48 z", Shade(face.Skin));
    }

    private static void Skin(Canvas canvas, Face face)
    {
        canvas.Fill(Canvas.Ellipse(13.5, 36.5, 3.4, 4.6), Shade(face.Skin));
        canvas.Fill(Canvas.Ellipse(50.5, 36.5, 3.4, 4.6), Shade(face.Skin));
        canvas.Fill(Head, face.Skin);
        var blush = face.Skin.Toward(Rgb.Parse("#f0506a"), 0.42);
        canvas.Fill(Canvas.Ellipse(18.8, 44, 3.3, 2.1), blush);
        canvas.Fill(Canvas.Ellipse(45.2, 44, 3.3, 2.1), blush);
    }

    private static void Eyes(Canvas canvas, Face face)
    {
        foreach (var x in (double[])[23.3, 40.7])
        {
            var white = Canvas.Ellipse(x, 36, 5.4, 6.2);
            canvas.Fill(white, Rgb.White);
            using (canvas.Inside(white))
            {
                var at = x + 1.5 * face.Gaze;
                canvas.Fill(Canvas.Ellipse(at, 36.6, 4.1, 5.2), face.Iris);
                canvas.Fill(Canvas.Ellipse(at, 36.8, 2.3, 3.1), _ink);
                canvas.Fill(Canvas.Ellipse(at - 1.4, 34.2, 1.5, 1.7), Rgb.White);
            }
            canvas.Stroke($"M{x - 5.6},34 Q{x},27.2 {x + 5.6},34", _ink, 1.9);
        }
    }

    private static void Brows(Canvas canvas, Face face)
    {
        var colour = face.Hair.Toward(_ink, 0.45);
        var tilt = 0.9 * face.Brows;
        canvas.Stroke($"M19,{26.8 - tilt} Q23.5,{24.4} 27.6,{26.6 + tilt}", colour, 1.5);
        canvas.Stroke($"M45,{26.8 - tilt} Q40.5,{24.4} 36.4,{26.6 + tilt}", colour, 1.5);
    }

    private static void MouthAndNose(Canvas canvas, Face face)
    {
        canvas.Stroke("M31,42.4 Q32,43.4 33,42.4", Shade(face.Skin).Toward(_ink, 0.15), 1.1);
        var lips = face.Lips;
        switch (face.Mouth)
        {
            case Mouth.Smile:
                canvas.Stroke("M27,47 Q32,51.2 37,47", lips, 1.8);
                break;
            case Mouth.Grin:
                const string open = "M26.2,46 Q32,47.4 37.8,46 Q37,52.4 32,52.4 Q27,52.4 26.2,46 z";
                canvas.Fill(open, lips.Toward(_ink, 0.2));
                using (canvas.Inside(open))
                {
                    canvas.Fill(Canvas.Ellipse(32, 52.2, 4, 2.4), Rgb.Parse("#f08080"));
                    canvas.Fill("M25,45 L39,45 L39,48 Q32,49 25,48 z", Rgb.White);
                }
                break;
            case Mouth.Calm:
                canvas.Stroke("M28,47.8 Q32,49.2 36,47.8", lips, 1.8);
                break;
            default:
                canvas.Fill(Canvas.Ellipse(32, 48.6, 2.5, 3), lips.Toward(_ink, 0.2));
                break;
        }
    }

    private static void Spectacles(Canvas canvas, Face face)
    {
        if (face.Glasses == Glasses.None)
            return;
        foreach (var x in (double[])[23.1, 40.9])
        {
            var lens = face.Glasses == Glasses.Round
                ? Canvas.Ellipse(x, 36.2, 7.6, 7.6)
                : $"M{x - 5.4},29.6 h10.8 q2,0 2,2 v8.8 q0,2 -2,2 h-10.8 q-2,0 -2,-2 v-8.8 q0,-2 2,-2 z";
            canvas.Fill(lens, Rgb.White, opacity: 0.18);
            canvas.Stroke(lens, _ink, 1.5);
        }
        canvas.Stroke("M30.6,35.4 Q32,34.4 33.4,35.4 M15.5,35 L12,33.6 M48.5,35 L52,33.6", _ink, 1.5);
    }

    private static void Headwear(Canvas canvas, Face face)
    {
        switch (face.Hat)
        {
            case Hat.Beanie:
                var wool = face.Cloth;
                canvas.Fill("M10,21 C10,3 20,0.5 32,0.5 S54,3 54,21 z", wool);
                canvas.Fill("M8.5,17.5 Q32,11.5 55.5,17.5 q1.6,4.6 0,8 Q32,19.5 8.5,25.5 q-1.6,-3.4 0,-8 z", wool.Toward(_ink, 0.28));
                break;
            case Hat.Bow:
                var silk = face.Cloth;
                canvas.Fill("M45,11 L37,5.5 Q35.6,11 37,16.5 z M45,11 L53,5.5 Q54.4,11 53,16.5 z", silk);
                canvas.Fill(Canvas.Ellipse(45, 11, 2.4, 2.6), silk.Toward(_ink, 0.3));
                break;
        }
    }

    private static Rgb Shade(Rgb skin) => skin.Toward(Rgb.Parse("#a0482c"), 0.26);
}
