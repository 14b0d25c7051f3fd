using Ddpm.Api.Http;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Training;

namespace Ddpm.Api.TrainingRuns;

/// <summary>Checks of a training request that no single field can show: a network that cannot be built is refused at the door.</summary>
internal static class TrainingRules
{
    private const int MaxChannels = 2048;
    private const double LeastAlphaCumprod = 1e-30; // below it a float32 network cannot tell what is left of the picture

    private static readonly string[] DownBlocks = ["DownBlock2D", NetworkShape.AttnDown];
    private static readonly string[] UpBlocks = ["UpBlock2D", NetworkShape.AttnUp];

    public static void Check(CreateTrainingRun request, Dataset? dataset, Faults faults)
    {
        if (dataset is null)
            faults.Add("datasetId", $"names no dataset; make one with POST /datasets, or see GET /datasets. There is none with the id {request.DatasetId}");
        if (request.Schedule.BetaStart > request.Schedule.BetaEnd)
            faults.Add("schedule.betaStart", $"must not be above betaEnd ({request.Schedule.BetaEnd}); it is {request.Schedule.BetaStart}");
        else
            CheckSignal(request.Schedule, faults);
        CheckChannels(request.Network, faults);
        CheckBlocks(request.Network.DownBlockTypes, "network.downBlockTypes", DownBlocks, request.Network, faults);
        CheckBlocks(request.Network.UpBlockTypes, "network.upBlockTypes", UpBlocks, request.Network, faults);
        CheckClasses(request, dataset, faults);
        if (!faults.Any)
            CheckHeads(request.Network, faults);
        if (dataset is not null)
            CheckResolution(request.Network, dataset, faults);
    }

    private static void CheckClasses(CreateTrainingRun request, Dataset? dataset, Faults faults)
    {
        var (network, training) = (request.Network, request.Training);
        if (!network.ClassConditional)
        {
            if (training.LabelDropout is not null)
                faults.Add("training.labelDropout", "is for class-conditional networks: set network.classConditional, or leave it out");
            return;
        }

        if (dataset?.Job!.Status != JobStatus.Succeeded)
            return; // what classes it will have is not known
        if (dataset.Classes.Count == 0)
            faults.Add("network.classConditional", $"needs classes, and the dataset '{dataset.Name}' has none: put the pictures of each class into a sub-folder of its own");
        else if (training.LabelDropout == 0 && dataset.Classes.Sum(c => c.Count) is var labelled && labelled < dataset.ImageCount)
            faults.Add(
                "training.labelDropout",
                $"must be above 0: {dataset.ImageCount - labelled} of the {dataset.ImageCount} pictures of the dataset '{dataset.Name}' have no class, and only the null class of label dropout can take them");
    }

    private static void CheckSignal(ScheduleSpec schedule, Faults faults)
    {
        if (schedule is { RescaleBetasZeroSnr: true, PredictionType: "epsilon" })
            faults.Add("schedule.predictionType", "must be v_prediction or sample with rescaleBetasZeroSnr: the last timestep is nothing but noise, and says nothing of the picture; it is epsilon");
        if (schedule.BetaSchedule == "squaredcos_cap_v2")
            return; // does not read the betas, and ends above it
        var alphaCumprod = Enumerable.Range(0, schedule.Timesteps).Select(t => Beta(schedule, t / (schedule.Timesteps - 1.0))).Aggregate(1.0, (product, beta) => product * (1 - beta));
        if (alphaCumprod < LeastAlphaCumprod)
            faults.Add("schedule.betaEnd", $"must be smaller, or the timesteps fewer: with {schedule.Timesteps} timesteps up to {schedule.BetaEnd} nothing is left of the picture long before the end");
    }

    private static double Beta(ScheduleSpec schedule, double time) => schedule.BetaSchedule switch
    {
        "linear" => double.Lerp(schedule.BetaStart, schedule.BetaEnd, time),
        "sigmoid" => double.Lerp(schedule.BetaStart, schedule.BetaEnd, 1 / (1 + Math.Exp(6 - (12 * time)))),
        _ => Math.Pow(double.Lerp(Math.Sqrt(schedule.BetaStart), Math.Sqrt(schedule.BetaEnd), time), 2),
    };

    private static void CheckChannels(NetworkSpec network, Faults faults)
    {
        foreach (var (level, channels) in network.BlockOutChannels.Index())
        {
            if (channels is < 1 or > MaxChannels)
                faults.Add($"network.blockOutChannels[{level}]", $"must be from 1 to {MaxChannels}; it is {channels}");
            else if (channels % network.NormNumGroups != 0)
                faults.Add(
                    $"network.blockOutChannels[{level}]",
                    $"must be a multiple of normNumGroups ({network.NormNumGroups}); it is {channels}. Lower normNumGroups or change the channels");
        }
    }

    private static void CheckBlocks(IReadOnlyList<string>? types, string field, string[] known, NetworkSpec network, Faults faults)
    {
        if (types is null)
            return;
        if (types.Count != network.BlockOutChannels.Count)
            faults.Add(field, $"must have one element for each of the {network.BlockOutChannels.Count} blockOutChannels; it has {types.Count}");
        foreach (var (level, type) in types.Index())
        {
            if (!known.Contains(type))
                faults.Add($"{field}[{level}]", $"must be {string.Join(" or ", known)}; it is {type}");
        }
    }

    // The middle of the network always attends, at the last level's channels.
    private static void CheckHeads(NetworkSpec network, Faults faults)
    {
        var levels = NetworkShape.LevelsOf(network);
        foreach (var (index, level) in levels.Index())
        {
            var attends = index == levels.Count - 1 || level.AttendsDown || level.AttendsUp;
            if (attends && level.Channels % network.AttentionHeadDim != 0)
                faults.Add(
                    "network.attentionHeadDim",
                    $"must divide the channels of every level with attention; {network.AttentionHeadDim} does not divide {level.Channels} (level {index})");
        }
    }

    private static void CheckResolution(NetworkSpec network, Dataset dataset, Faults faults)
    {
        var levels = network.BlockOutChannels.Count;
        if (levels is < 1 or > 8)
            return; // Refused already.
        var (resolution, divisor) = (dataset.Spec.Resolution, 1 << (levels - 1));
        if (resolution % divisor == 0)
            return;
        var most = 1;
        while (most < 8 && resolution % (1 << most) == 0)
            most++;
        faults.Add(
            "network.blockOutChannels",
            $"has {levels} levels, which halve the pictures {levels - 1} times: their side must be a multiple of {divisor}, and those of the dataset "
            + $"'{dataset.Name}' are {resolution} pixels wide. Give at most {most} {(most == 1 ? "level" : "levels")}, for instance "
            + $"[{string.Join(", ", Enumerable.Range(0, most).Select(level => 64 << Math.Min(level, 2)))}], or make a dataset with another resolution");
    }
}
