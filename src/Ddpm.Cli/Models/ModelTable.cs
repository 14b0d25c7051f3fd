using System.Globalization;
using System.Text;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;

namespace Ddpm.Cli.Models;

/// <summary>A model's description for people: a line a fact, and a line for each level of the network.</summary>
internal static class ModelTable
{
    public static string Of(ModelDescription model, DiffusersFolder folder)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in Facts(model, folder).Concat(ScheduleFacts(folder.Schedule)).Concat(TrainingFacts(model)))
            text.AppendLine(CultureInfo.InvariantCulture, $"{name,-12}{value}");
        text.AppendLine();
        foreach (var row in Levels(folder.Network))
            text.AppendLine(CultureInfo.InvariantCulture, $"{row.Level,-8}{row.Size,-12}{row.Channels,-10}{row.Layers,-8}{row.Down,-26}{row.Up}");
        return text.ToString().TrimEnd();
    }

    private static IEnumerable<(string Name, string Value)> Facts(ModelDescription model, DiffusersFolder folder)
    {
        var network = folder.Network;
        yield return ("Model", model.Location);
        yield return ("Class", $"{model.Pipeline ?? "no pipeline named"}, UNet2DModel");
        yield return ("Parameters", $"{model.Parameters.ToString("N0", CultureInfo.InvariantCulture)} ({model.Dtype})");
        yield return ("Size", FormattableString.Invariant($"{model.Bytes / 1e6:0.0} MB on disk"));
        yield return ("SHA-256", $"{model.Sha256} of the weights");
        yield return ("Pictures", (network.SampleSize is { } size ? $"{size}×{size}" : "any size") + $", {Channels(network)}");
        yield return ("Attention", Attention(network));
        if (network.NumClassEmbeds is { } classes)
            yield return ("Classes", folder.Classes is { } names ? $"{string.Join(", ", names.Names)}{(names.NullClass is null ? "" : ", and none")}" : $"{classes}");
        if (network.Dropout > 0)
            yield return ("Dropout", network.Dropout.ToString(CultureInfo.InvariantCulture));
    }

    private static IEnumerable<(string Name, string Value)> ScheduleFacts(NoiseScheduleConfig schedule)
    {
        yield return ("Schedule", schedule.TrainedBetas is not null
            ? $"T = {schedule.Timesteps}, β given one by one"
            : FormattableString.Invariant($"T = {schedule.Timesteps}, β {schedule.BetaSchedule} from {schedule.BetaStart} to {schedule.BetaEnd}"));
        yield return ("Predicts", schedule.PredictionType);
        yield return ("Sampling", string.Join(", ", new[]
        {
            schedule.SchedulerClass,
            schedule.ClipSample ?? true ? FormattableString.Invariant($"x̂₀ clipped to ±{schedule.ClipSampleRange}") : "x̂₀ not clipped",
            $"variance {schedule.VarianceType}",
            $"spacing {schedule.TimestepSpacing ?? "of each sampler"}",
        }));
    }

    private static IEnumerable<(string Name, string Value)> TrainingFacts(ModelDescription model)
    {
        if (model.Training is not { } training)
        {
            yield return ("Training", "no training/ here, so it cannot be resumed, nor does it say whether the weights are an average");
            yield break;
        }

        yield return ("Training", FormattableString.Invariant($"step {training.Step}, epoch {training.Epoch:0.##}, loss {training.Loss:0.0000}, seed {training.Seed}"));
        yield return ("EMA", training.Ema ? "yes: unet/ is the average, training/ holds the trained weights too" : "no: unet/ holds the trained weights");
    }

    private static IEnumerable<(string Level, string Size, string Channels, string Layers, string Down, string Up)> Levels(UNetConfig network)
    {
        yield return ("Level", "Resolution", "Channels", "Layers", "Down", "Up");
        var levels = network.BlockOutChannels.Count;
        for (var level = 0; level < levels; level++)
            yield return (
                $"{level + 1}", network.SampleSize is { } size ? $"{size >> level}×{size >> level}" : $"1/{1 << level}", $"{network.BlockOutChannels[level]}",
                $"{network.LayersPerBlock}", network.DownBlockTypes[level], network.UpBlockTypes[levels - 1 - level]);
    }

    private static string Channels(UNetConfig network) => network.InChannels == network.OutChannels
        ? $"{network.InChannels} {(network.InChannels == 1 ? "channel" : "channels")}"
        : $"{network.InChannels} channels in, {network.OutChannels} out";

    private static string Attention(UNetConfig network)
    {
        var levels = Enumerable.Range(0, network.BlockOutChannels.Count)
            .Where(level => network.DownBlockTypes[level] == "AttnDownBlock2D" || network.UpBlockTypes[network.BlockOutChannels.Count - 1 - level] == "AttnUpBlock2D")
            .Select(level => $"level {level + 1}");
        var middle = network.AddAttention && network.MidBlockType is not null ? ["the middle"] : Array.Empty<string>();
        var places = string.Join(", ", levels.Concat(middle));
        return places.Length == 0 ? "none" : $"{places}; {(network.AttentionHeadDim is { } width ? $"{width} channels a head" : "one head")}";
    }
}
