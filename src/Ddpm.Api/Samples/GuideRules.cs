using Ddpm.Api.Http;
using Ddpm.Jobs.Sampling;

namespace Ddpm.Api.Samples;

/// <summary>Checks of what pictures are drawn from. Nothing is decoded here: that is the worker's, which nobody waits for.</summary>
internal static class GuideRules
{
    /// <summary>Steps of inpainting where none are asked for: each is done many times.</summary>
    public const int InpaintingSteps = 50;

    private const int MaxPictureBytes = 2 << 20;
    private const int MostCalls = 10_000; // of the network, for one picture
    private const double UsualStrength = 0.5;
    private const int UsualJumpLength = 10;
    private const int UsualResamplings = 10;

    /// <summary>The pictures that came with a request.</summary>
    public static IEnumerable<(string Name, byte[] Content)> FilesOf(CreateSamples request)
    {
        foreach (var (name, content) in new[] { (GuideFiles.Picture, request.Picture), (GuideFiles.ToPicture, request.ToPicture), (GuideFiles.Mask, request.Mask) })
        {
            if (content is not null)
                yield return (name, content);
        }
    }

    /// <summary>What can be checked before the model is known.</summary>
    public static void Check(CreateSamples request, Faults faults)
    {
        var guide = request.Guide;
        var needed = Needed(guide);
        foreach (var (name, content) in FilesOf(request))
        {
            if (!needed.Contains(name))
                faults.Add(name, guide is null ? "needs a guide that says what to do with it, such as {\"kind\": \"picture\"}" : $"does not belong to {Describe(guide)}");
            else if (content.Length > MaxPictureBytes)
                faults.Add(name, $"must have at most {MaxPictureBytes} bytes; it has {content.Length}");
            else if (!BeginsLikeAPicture(content))
                faults.Add(name, "must be a PNG, JPEG, WebP, GIF or BMP as base64; its first bytes are of none of them");
        }

        foreach (var missing in needed.Except(FilesOf(request).Select(file => file.Name)))
            faults.Add(missing, $"is required for {Describe(guide!)}");
        CheckSettings(guide, faults);
    }

    /// <summary>The sampler of a request.</summary>
    /// <param name="request">What was asked.</param>
    /// <param name="own">The model's.</param>
    /// <exception cref="RequestProblem">It does not go with the guide.</exception>
    public static string SamplerFor(CreateSamples request, string own)
    {
        if (request.Guide?.Kind == GuideKind.Inpaint)
        {
            var painting = request.Sampler ?? SamplerNames.Ddpm;
            return painting is SamplerNames.Ddpm or SamplerNames.Ddim ? painting : throw Faults.One("sampler", $"must be ddpm or ddim for inpainting; it is {painting}");
        }

        var sampler = request.Sampler ?? own;
        if (request.Guide?.ToSeed is not null && (sampler is SamplerNames.Ddpm or SamplerNames.SdeDpmSolver || request.Eta != 0))
            throw Faults.One("sampler", $"must add no noise of its own between two seeds: ddim with eta 0, dpmsolver++, euler, heun or unipc; it is {sampler}{(request.Eta == 0 ? "" : $" with eta {request.Eta}")}");
        return sampler;
    }

    /// <summary>The guide with its defaults filled in.</summary>
    /// <exception cref="RequestProblem">It would take too long.</exception>
    public static GuideSpec? SpecFor(GuideSpec? guide, int steps)
    {
        if (guide?.Kind != GuideKind.Inpaint)
            return guide is null or { ToSeed: not null } ? guide : guide with { Strength = guide.Strength ?? UsualStrength };
        var painting = guide with { JumpLength = guide.JumpLength ?? UsualJumpLength, Resamplings = guide.Resamplings ?? UsualResamplings };
        var calls = CallsOf(painting, steps);
        if (calls > MostCalls)
        {
            throw Faults.One(
                "guide.resamplings",
                $"must be less: {steps} steps with jumpLength {painting.JumpLength} and resamplings {painting.Resamplings} are {calls} network calls a picture, and at most {MostCalls} are accepted");
        }

        return painting;
    }

    /// <summary>Network calls of inpainting, for one picture: each stretch of <c>jumpLength</c> steps is done <c>resamplings</c> times (Lugmayr et al. 2022, §4.2).</summary>
    /// <param name="painting">With its defaults filled in.</param>
    /// <param name="steps">Of the run.</param>
    public static int CallsOf(GuideSpec painting, int steps) =>
        steps + ((steps - 1) / painting.JumpLength!.Value * painting.JumpLength.Value * (painting.Resamplings!.Value - 1));

    private static void CheckSettings(GuideSpec? guide, Faults faults)
    {
        if (guide is null)
            return;
        if (guide.Kind != GuideKind.Interpolate && guide.ToSeed is not null)
            faults.Add("guide.toSeed", $"does not belong to {Describe(guide)}");
        if (guide.Strength is not null && (guide.Kind == GuideKind.Inpaint || guide.ToSeed is not null))
            faults.Add("guide.strength", $"does not belong to {Describe(guide)}");
        if (guide.Kind == GuideKind.Inpaint)
            return;
        if (guide.JumpLength is not null)
            faults.Add("guide.jumpLength", $"does not belong to {Describe(guide)}");
        if (guide.Resamplings is not null)
            faults.Add("guide.resamplings", $"does not belong to {Describe(guide)}");
    }

    private static string[] Needed(GuideSpec? guide) => guide switch
    {
        null or { Kind: GuideKind.Interpolate, ToSeed: not null } => [],
        { Kind: GuideKind.Picture } => [GuideFiles.Picture],
        { Kind: GuideKind.Inpaint } => [GuideFiles.Picture, GuideFiles.Mask],
        _ => [GuideFiles.Picture, GuideFiles.ToPicture],
    };

    private static string Describe(GuideSpec guide) => guide switch
    {
        { Kind: GuideKind.Picture } => "a guide of kind picture",
        { Kind: GuideKind.Inpaint } => "a guide of kind inpaint",
        { ToSeed: null } => "a guide of kind interpolate without toSeed",
        _ => "a guide of kind interpolate with toSeed",
    };

    private static bool BeginsLikeAPicture(ReadOnlySpan<byte> content) =>
        content.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']) || content.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) || content.StartsWith("GIF8"u8) || content.StartsWith("BM"u8)
        || (content.Length > 12 && content.StartsWith("RIFF"u8) && content[8..].StartsWith("WEBP"u8));
}
