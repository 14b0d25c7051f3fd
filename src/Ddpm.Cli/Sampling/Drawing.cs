using System.CommandLine;
using System.Globalization;
using Ddpm.Cli.CommandLine;
using Ddpm.Cli.Models;
using Ddpm.Engine;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Guides;

namespace Ddpm.Cli.Sampling;

/// <summary>What all commands that draw have in common: which model, how many pictures, how, and where they go.</summary>
/// <param name="usualCount">Pictures where <c>--count</c> is not given.</param>
/// <param name="inOneRow">Whether the grid is one row unless <c>--rows</c> or <c>--columns</c> is given; else it is as square as may be.</param>
internal sealed class Drawing(int usualCount, bool inOneRow = false)
{
    /// <summary>2⁵³ − 1: what every JSON reader takes whole.</summary>
    public const long LargestSeed = 9_007_199_254_740_991;

    private readonly Argument<string> _model = new("MODEL") { Description = "A diffusers folder, such as model/ or a checkpoint of a training run, or the name of a model that comes with Ddpm." };
    private readonly Option<int> _count = Arguments.Number("--count", "How many pictures.", 1, 10_000, usualCount);
    private readonly Option<int> _first = Arguments.Number("--first", "Index of the first picture: picture k of a seed is the same alone or among others.", 0, 1_000_000, 0);
    private readonly Option<long> _seed = Arguments.Number("--seed", "Decides the noise: same seed, same pictures.", 0, LargestSeed, 0);
    private readonly Option<string?> _labels = Arguments.OptionalList("--class-labels", "Classes to draw, by number: one for all pictures, or one for each; a class-conditional model's.", 10_000, 0, 99_999);
    private readonly Option<double> _guidance = Arguments.Number("--guidance-scale", "Classifier-free guidance: 1 for none, more for pictures that are more like their class.", 0.0, 100, 1);
    private readonly Option<int?> _rows = Arguments.OptionalNumber("--rows", $"Rows of the grid; {(inOneRow ? "one" : "as square as may be")} if not given.", 1, 10_000);
    private readonly Option<int?> _columns = Arguments.OptionalNumber("--columns", "Columns of the grid.", 1, 10_000);
    private readonly Option<string> _grid = new("--out") { Description = "The grid, a PNG.", HelpName = "FILE", DefaultValueFactory = _ => "grid.png" };
    private readonly Option<string?> _images = new("--images") { Description = "Also write each picture into this folder, as 0.png, 1.png, …", HelpName = "FOLDER" };
    private readonly Option<string?> _trajectory = new("--trajectory") { Description = "Also write how the pictures come about, x̂₀ step by step: an animated WebP.", HelpName = "FILE" };
    private readonly Option<string?> _precision = Arguments.Choice("--precision", "What the network computes in; tfloat32 and float16 on a GPU only:", SamplingPrecisions.Names[0], [.. SamplingPrecisions.Names]);
    private readonly Option<string> _device = Arguments.Device();
    private readonly Option<int?> _threads = Arguments.Threads();
    private readonly SamplerOptions _sampler = new();

    /// <summary>Makes the command know them: the model first.</summary>
    public void AddTo(Command command)
    {
        command.Arguments.Insert(0, _model);
        foreach (var option in new Option[] { _count, _first, _seed, _labels, _guidance, _rows, _columns, _grid, _images, _trajectory, _precision, _device, _threads })
            command.Add(option);
        _sampler.AddTo(command);
    }

    /// <summary>Draws, and writes what was drawn.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="guideFor">What the pictures are drawn from besides noise, once the model is known.</param>
    /// <returns>The exit status.</returns>
    public int Draw(ParseResult parsed, Func<DiffusionModel, SamplingGuide?> guideFor)
    {
        using var interruption = new Interruption();
        var layout = Layout(parsed.GetValue(_count), parsed.GetValue(_rows), parsed.GetValue(_columns));
        var device = SelectedDevice.From(parsed.GetValue(_device)!, parsed.GetValue(_threads));
        var precision = SamplingPrecisions.Parse(parsed.GetValue(_precision)!);
        if (precision.Refusal(device) is { } refusal)
            throw new UserErrorException($"--{refusal}");
        using var model = DiffusionModel.Load(ModelPath.Find(parsed.GetRequiredValue(_model)), device, precision, parsed.GetValue(_threads));
        var request = new SampleRequest
        {
            Count = parsed.GetValue(_count),
            FirstImage = parsed.GetValue(_first),
            Seed = (ulong)parsed.GetValue(_seed),
            Sampler = _sampler.From(parsed, model),
            ClassLabels = parsed.GetValue(_labels)?.Split(',').Select(label => int.Parse(label, CultureInfo.InvariantCulture)).ToList(),
            GuidanceScale = parsed.GetValue(_guidance),
            Guide = guideFor(model),
            Threads = parsed.GetValue(_threads),
        };
        var trajectory = parsed.GetValue(_trajectory) is null ? null : new Trajectory();
        CheckSize(layout, model.Side, trajectory is not null);
        var drawn = ProgressDisplay.Run("Drawing", display => model.Sample(request, new Reporter(display), interruption.Token, trajectory));
        WriteImages(drawn, parsed.GetValue(_images), request.FirstImage);
        if (trajectory is not null)
            Write(parsed.GetRequiredValue(_trajectory)!, trajectory.EncodeWebP(layout.Rows, layout.Columns));
        var grid = parsed.GetRequiredValue(_grid);
        Write(grid, ImageGrid.EncodePng(drawn, layout.Rows, layout.Columns));
        Console.WriteLine($"{drawn.Count} pictures in {grid}");
        return 0;
    }

    private (int Rows, int Columns) Layout(int count, int? rows, int? columns)
    {
        try
        {
            return ImageGrid.LayoutFor(count, inOneRow && columns is null ? rows ?? 1 : rows, columns);
        }
        catch (ArgumentException)
        {
            throw new UserErrorException($"--rows {rows} and --columns {columns} leave no room for --count {count} pictures.");
        }
    }

    private static void CheckSize((int Rows, int Columns) layout, int side, bool animated)
    {
        try
        {
            ImageGrid.CheckSize(layout.Rows, layout.Columns, side, side);
        }
        catch (ArgumentException tooLarge)
        {
            throw new UserErrorException($"--rows, --columns: {tooLarge.Message}");
        }

        try
        {
            if (animated)
                ImageGrid.CheckAnimationSize(layout.Rows, layout.Columns, side, side, Trajectory.MostFrames);
        }
        catch (ArgumentException tooLarge)
        {
            throw new UserErrorException($"--trajectory: {tooLarge.Message}");
        }
    }

    private static void WriteImages(PixelBatch drawn, string? folder, int first)
    {
        for (var n = 0; folder is not null && n < drawn.Count; n++)
            Write(Path.Combine(folder, $"{first + n}.png"), ImageGrid.EncodePng(drawn.Only(n), 1, 1));
    }

    private static void Write(string file, byte[] content)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } parent)
            Directory.CreateDirectory(parent);
        File.WriteAllBytes(file, content);
    }

    private sealed class Reporter(ProgressDisplay display) : IProgress<SamplingProgress>
    {
        private readonly Lock _lock = new();

        public void Report(SamplingProgress value)
        {
            lock (_lock)
                display.Report(value.StepsDone, value.StepsTotal);
        }
    }
}
