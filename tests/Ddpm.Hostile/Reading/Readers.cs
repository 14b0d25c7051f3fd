using System.Text.Json;
using Ddpm.Api;
using Ddpm.Api.Http;
using Ddpm.Api.Samples;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Hostile.Corpus;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Ddpm.Hostile.Reading;

/// <summary>Gives inputs to the readers that the service has for them.</summary>
internal static class Readers
{
    private static readonly Lazy<JsonSerializerOptions> _json = new(() =>
        new ServiceCollection().AddDdpmApi(new ConfigurationBuilder().AddInMemoryCollection([new("Data:Root", Path.GetTempPath())]).Build())
            .BuildServiceProvider().GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions);

    /// <summary>How the API reads JSON.</summary>
    public static JsonSerializerOptions Json => _json.Value;

    /// <returns>The sentence that the input is refused with; null where it is accepted.</returns>
    /// <remarks>Whatever else is thrown is a fault of the reader.</remarks>
    public static string? Refusal(InputKind kind, string path)
    {
        try
        {
            Read(kind, path);
            return null;
        }
        catch (Exception refusal) when (refusal is DatasetException or CheckpointException or UNetConfigException or RequestProblem)
        {
            return refusal.Message;
        }
    }

    private static void Read(InputKind kind, string path)
    {
        switch (kind)
        {
            case InputKind.Archive:
                Build(new ArchiveSource(path));
                break;
            case InputKind.Folder:
                Build(new DirectorySource(path));
                break;
            case InputKind.Picture:
                Build(new DirectorySource(Path.GetDirectoryName(path)!));
                break;
            case InputKind.Parquet:
                Build(new ParquetSource(path));
                break;
            case InputKind.Weights:
                ReadWeights(path);
                break;
            case InputKind.ModelZip:
                using (var folder = new Scratch())
                    DiffusersArchive.Extract(path, folder.Path, DiffusersArchive.UsualMaxWeightBytes, CancellationToken.None);
                break;
            case InputKind.Network:
                UNetConfig.FromJson(File.ReadAllText(path));
                break;
            case InputKind.Schedule:
                NoiseScheduleConfig.FromJson(File.ReadAllText(path));
                break;
            case InputKind.Classes:
                using (var folder = new Scratch())
                {
                    File.Copy(path, Path.Combine(folder.Path, ClassNames.FileName));
                    ClassNames.Read(folder.Path);
                }
                break;
            case InputKind.Index:
                WeightFiles.Gather(path);
                break;
            default:
                JsonBody.Parse<CreateSamples>(File.ReadAllBytes(path), Json);
                break;
        }
    }

    // All that importing a model does with its weights before a network is built.
    private static void ReadWeights(string path)
    {
        using (var file = Safetensors.Open(path))
            foreach (var entry in file.Entries.Take(1000))
                file.Read(entry.Name).Dispose();
        FiniteWeights.Check(path);
    }

    private static void Build(IImageSource source)
    {
        using var folder = new Scratch();
        DatasetBuilder.Build(source, new DatasetOptions { Resolution = 16 }, Path.Combine(folder.Path, "set"), null, CancellationToken.None);
    }
}
