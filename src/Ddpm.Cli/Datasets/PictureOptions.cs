using System.CommandLine;
using Ddpm.Cli.Hub;
using Ddpm.Engine.Data;
using Ddpm.Worker.Hub;

namespace Ddpm.Cli.Datasets;

/// <summary>Options of every command that reads pictures: what of parquet files is meant, and where the hub is.</summary>
internal sealed class PictureOptions
{
    private readonly Option<string?> _split = new("--split") { Description = "Which split of parquet files; the only one, or train, if not given.", HelpName = "NAME" };
    private readonly Option<string?> _imageColumn = new("--image-column") { Description = "Their column of pictures; found by itself if not given.", HelpName = "NAME" };
    private readonly Option<string?> _labelColumn = new("--label-column") { Description = "Their column of class labels; found by itself, if there is one, if not given.", HelpName = "NAME" };
    private readonly Option<string?> _hubUrl = HubAccess.Url();

    public void AddTo(Command command)
    {
        foreach (var option in new[] { _split, _imageColumn, _labelColumn, _hubUrl })
            command.Add(option);
    }

    /// <summary>What a path, or a repository of the hub, holds; downloads the latter.</summary>
    public IImageSource Of(ParseResult parsed, string source, CancellationToken cancellationToken)
    {
        var (split, image, label) = (parsed.GetValue(_split), parsed.GetValue(_imageColumn), parsed.GetValue(_labelColumn));
        if (!HubAccess.IsMeant(source))
            return PictureSource.Of(source, split, image, label);
        using var hub = HubAccess.Open(parsed.GetValue(_hubUrl));
        return HubProgress.Run(progress => HubDatasets.FetchAsync(hub, HubAccess.Parse(source, isDataset: true), split, image, label, progress, cancellationToken));
    }
}
