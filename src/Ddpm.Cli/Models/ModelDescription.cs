using System.Text.Json.Nodes;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Training;

namespace Ddpm.Cli.Models;

/// <summary>What can be said of a model without loading it.</summary>
/// <param name="Location">The folder, or the zip, where it is.</param>
/// <param name="Pipeline">The class that <c>model_index.json</c> names; null where there is none.</param>
/// <param name="Parameters">Numbers in the weights file.</param>
/// <param name="Bytes">Of the model's files, without <c>training/</c>.</param>
/// <param name="Dtype">Types of the weights in the file.</param>
/// <param name="Sha256">Of the weights file.</param>
/// <param name="Network"><c>unet/config.json</c> with every key.</param>
/// <param name="Scheduler"><c>scheduler/scheduler_config.json</c>.</param>
/// <param name="Training">How far training was; null where there is no <c>training/</c>.</param>
internal sealed record ModelDescription(
    string Location, string? Pipeline, long Parameters, long Bytes, string Dtype, string Sha256, JsonNode Network, JsonObject Scheduler, CheckpointSummary? Training)
{
    public static ModelDescription Of(DiffusersFolder model, string location)
    {
        using var weights = Safetensors.Open(model.WeightsPath);
        return new(
            location,
            model.Pipeline,
            weights.Entries.Sum(entry => entry.Shape.Aggregate(1L, (product, extent) => product * extent)),
            DiffusersFolder.Files.Select(name => new FileInfo(Path.Combine(model.Location, name))).Where(file => file.Exists).Sum(file => file.Length),
            string.Join(", ", weights.Entries.Select(entry => entry.Dtype).Distinct().Order(StringComparer.Ordinal)),
            model.WeightsSha256(),
            JsonNode.Parse(model.Network.ToJson())!,
            model.ScheduleKeys,
            CheckpointSummary.Read(model.Location));
    }
}
