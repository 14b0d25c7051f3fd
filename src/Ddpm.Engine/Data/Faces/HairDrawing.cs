using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data.Faces;

/// <summary>Hair: what hangs behind the head, and what falls over the forehead.</summary>
internal static class HairDrawing
{
    public static void Behind(Canvas canvas, Face face)
    {
        var shade = Shade(face.Hair);
        switch (face.Style)
        {
            case HairStyle.Bob:
                canvas.Fill("M9.5,30 C8,10 20,5 32,5 S56,10 54.5,30 C55.5,40 55.5,47 52,51.5 Q32,56 12,51.5 C8.5,47 8.5,40 9.5,30 z", shade);
                break;
            case HairStyle.Long:
                canvas.Fill("M9.5,30 C8,10 20,5 32,5 S56,10 54.5,30 C55,44 57,56 59,70 L5,70 C7,56 9,44 9.5,30 z", shade);
                break;
            case HairStyle.Pigtails:
                canvas.Fill("M11,24 C1,22 -1,36 2,47 C3,53 8,54 9,49 C13,42 14,34 14,28 z", face.Hair);
                canvas.Fill("M53,24 C63,22 65,36 62,47 C61,53 56,54 55,49 C51,42 50,34 50,28 z", face.Hair);
                canvas.Fill(Canvas.Ellipse(11, 25.5, 2.6, 2.6), face.Cloth);
                canvas.Fill(Canvas.Ellipse(53, 25.5, 2.6, 2.6), face.Cloth);
                break;
            case HairStyle.Curly:
                foreach (var (x, y) in ((double, double)[])[(11, 22), (53, 22), (8.5, 31), (55.5, 31), (9.5, 40), (54.5, 40), (16, 13), (48, 13), (24, 8.5), (40, 8.5), (32, 7.5)])
                    canvas.Fill(Canvas.Ellipse(x, y, 6.8, 6.8), shade);
                break;
            case HairStyle.Buns:
                canvas.Fill(Canvas.Ellipse(14.5, 10.5, 7.5, 7.5), face.Hair);
                canvas.Fill(Canvas.Ellipse(49.5, 10.5, 7.5, 7.5), face.Hair);
                canvas.Stroke("M10.5,10.5 Q14.5,6 18,9.5 M45.5,10.5 Q49.5,6 53,9.5", shade, 1.3);
                break;
        }
    }

    public static void Front(Canvas canvas, Face face)
    {
        var (hair, shade, shine) = (face.Hair, Shade(face.Hair), face.Hair.Toward(Rgb.White, 0.35));
        switch (face.Style)
        {
            case HairStyle.Bob:
                canvas.Fill("M9.5,34 C7.5,10 20,5 32,5 S56.5,10 54.5,34 L54,46 Q50.5,46 49.6,40 Q50.5,31 47.5,25 Q32,29 16.5,25 Q13.5,31 14.4,40 Q13.5,46 10,46 z", hair);
                canvas.Stroke("M18,14 Q24,9.5 31,9.6", shine, 1.8);
                break;
            case HairStyle.Long:
                canvas.Fill("M9.5,34 C7.5,10 20,5 32,5 S56.5,10 54.5,34 L55,52 Q51,50 50,42 Q51,30 41,20 Q32,28 16,28 Q13,34 14,42 Q13,50 9,52 z", hair);
                canvas.Stroke("M17,15 Q22,10.5 29,9.8", shine, 1.8);
                break;
            case HairStyle.Spiky:
                canvas.Fill("M12.5,33 C10.5,29 9.5,24 10.5,20 L6.5,20.5 L11.5,13.5 L9.5,9.5 L17.5,8.5 L19.5,2.5 L26,6 L32,0.5 L37.5,5.5 L45,2.5 L46.5,8.5 L54.5,9.5 L52.5,13.5 L57.5,20.5 L53.5,20 C54.5,24 53.5,29 51.5,33 L48.5,24 L44,28 L40,21.5 L34.5,27 L30,21.5 L25,27.5 L21,22.5 L16,27.5 z", hair);
                canvas.Stroke("M20,13 L24,10.5 M29,9.5 L33,7.5", shine, 1.8);
                break;
            case HairStyle.Curly:
                foreach (var (x, y) in ((double, double)[])[(15, 23), (49, 23), (18.5, 16), (45.5, 16), (25, 12), (39, 12), (32, 11), (23, 20), (41, 20), (32, 19)])
                    canvas.Fill(Canvas.Ellipse(x, y, 6.2, 6.2), hair);
                canvas.Stroke("M17,13.5 Q19,10.5 22,10.5 M28,9 Q31,6.8 34,8", shine, 1.6);
                break;
            case HairStyle.Buns:
                canvas.Fill("M11.5,34 C9.5,11 21,6.5 32,6.5 S54.5,11 52.5,34 Q50,33 50,29 Q44,28 32,16 Q20,28 14,29 Q14,33 11.5,34 z", hair);
                canvas.Stroke("M32,7.5 L32,16", shade, 1.2);
                canvas.Stroke("M18.5,17 Q22,12 27,11", shine, 1.8);
                break;
            case HairStyle.Swept:
                canvas.Fill("M12,34 C9.5,13 18,5 33,4.5 C47,4.5 55,13 52,34 Q50.5,31 49.6,25 Q36,26 25,17 Q22,24 15.5,26 Q14,31 12,34 z", hair);
                canvas.Stroke("M27,10 Q36,9 43,14", shine, 1.8);
                break;
            default:
                canvas.Fill("M11.5,34 C9.5,11 21,5.5 32,5.5 S54.5,11 52.5,34 Q50,31 49,24 L44,27.5 L40,23 L35.5,27.5 L32,23 L28.5,27.5 L24,23 L20,27.5 L15,24 Q14,31 11.5,34 z", hair);
                canvas.Stroke("M18.5,14.5 Q23,10 29,9.8", shine, 1.8);
                break;
        }
    }

    private static Rgb Shade(Rgb hair) => hair.Toward(Rgb.Parse("#1c1420"), 0.28);
}
