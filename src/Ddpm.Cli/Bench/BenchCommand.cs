using System.CommandLine;
using System.Globalization;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;

namespace Ddpm.Cli.Bench;

/// <summary><c>ddpm bench [what]</c>: speed and memory on this machine.</summary>
internal static class BenchCommand
{
    private const string All = "all";

    /// <summary>Everything that can be measured. What needs more than a model is left out of <c>all</c>.</summary>
    private static readonly (string Name, string Description, bool InAll, Func<BenchOptions, BenchReport> Measure)[] Subjects =
    [
        ("forward", "a call of the network, beside a TorchScript file or the plain network", true, ForwardBench.Measure),
        ("sampling", "pictures drawn from noise to the end", true, SamplingBench.Measure),
        ("parity", "the network and sampling runs beside numbers of the reference implementation (--fixtures)", false, ParityBench.Measure),
        ("training", "training steps in float32 and bfloat16 beside a straightforward loop", false, TrainingSubjects.Steps),
        ("loader", "batches made beside batches used up", false, TrainingSubjects.Loader),
        ("checkpoint", "what checkpoints cost a run", false, TrainingSubjects.Checkpointing),
        ("training-memory", "the process's memory over 1,000 training steps", false, TrainingSubjects.Memory),
        ("shared-calls", "requests at once beside the same in turn, and a small one beside a large one", false, SharedCallsBench.Measure),
        ("shared-device", "training and sampling at once", false, SharedDeviceBench.Measure),
        ("overhead", "the share of whole sampling runs that passes outside the network", false, OverheadBench.Measure),
        ("busy", "a call of the network while another process keeps a core busy", false, BusyBench.Measure),
        ("noise", "normal noise on one core", true, NoiseBench.Measure),
        ("png", "the PNG of a grid", true, PictureBench.Measure),
        ("memory", "the process's memory after 50 and after 1,000 sampling steps", true, MemoryBench.Measure),
    ];

    public static Command Create()
    {
        var what = new Argument<string>("what")
        {
            Description = $"{string.Join("; ", Subjects.Select(subject => $"{subject.Name}: {subject.Description}"))}; {All}: everything that needs no further file.",
            DefaultValueFactory = _ => All,
        };
        what.AcceptOnlyFromAmong([.. Subjects.Select(subject => subject.Name), All]);
        var model = new Option<string>("--model") { Description = $"A diffusers folder, a model that comes with Ddpm, or a network with random weights: {string.Join(", ", NamedNetwork.Names)}.", HelpName = "FOLDER", DefaultValueFactory = _ => "cifar10" };
        var baseline = new Option<string?>("--baseline") { Description = "TorchScript of the same network, made by eng/trace-diffusers: measured in turns with ours in this process.", HelpName = "FILE.pt" };
        var batch = Arguments.List("--batch", "Pictures of a call.", 8, 1, 4096, "1,4,16");
        var precision = new Option<string>("--precision") { Description = $"With commas between them: {string.Join(", ", SamplingPrecisions.Names)}.", HelpName = "LIST", DefaultValueFactory = _ => "float32" };
        var runs = Arguments.Number("--runs", "How often each is measured.", 1, 1000, 9);
        var steps = Arguments.Number("--steps", "Steps of a sampling run.", 1, 1000, 10);
        var fixtures = new Option<string?>("--fixtures") { Description = "Folder of reference numbers.", HelpName = "FOLDER" };
        var channelsLast = Arguments.Choice("--channels-last", "On a GPU, convolve in channels-last order; where the precision makes it pay if not given:", null, "true", "false");
        var graphs = Arguments.Choice("--cuda-graphs", "On a GPU, record small batches as CUDA graphs:", "true", "true", "false");
        var json = new Option<bool>("--json") { Description = "Print JSON instead of a table." };
        var file = new Option<string?>("--out") { Description = "Also write the JSON to this file.", HelpName = "FILE" };
        var (device, threads) = (Arguments.Device(), Arguments.Threads());
        var command = new Command("bench", "Measures speed and memory on this machine.")
        {
            NetworkCommand.Create(), ServiceCommand.Create(), what, model, baseline, batch, precision, runs, steps, fixtures, device, threads, channelsLast, graphs, json, file,
        };
        command.SetAction(parsed =>
        {
            using var interruption = new Interruption();
            using var temporary = new TemporaryFolder();
            var options = new BenchOptions(temporary, interruption.Token)
            {
                Model = parsed.GetRequiredValue(model),
                Baseline = parsed.GetValue(baseline),
                Batches = [.. parsed.GetRequiredValue(batch).Split(',').Select(number => int.Parse(number, CultureInfo.InvariantCulture))],
                Precisions = [.. parsed.GetRequiredValue(precision).Split(',').Select(ParsePrecision)],
                Device = SelectedDevice.From(parsed.GetRequiredValue(device), parsed.GetValue(threads)),
                Threads = parsed.GetValue(threads),
                Runs = parsed.GetValue(runs),
                Steps = parsed.GetValue(steps),
                Fixtures = parsed.GetValue(fixtures),
                Cuda = new CudaOptions(parsed.GetValue(channelsLast) is { } answer ? answer == "true" : null, parsed.GetValue(graphs) == "true"),
            };
            var report = Measure(parsed.GetRequiredValue(what), options);
            if (parsed.GetValue(file) is { } path)
                File.WriteAllText(path, BenchJson.Of(report) + "\n");
            return Print(report, parsed.GetValue(json));
        });
        return command;
    }

    private static BenchReport Measure(string what, BenchOptions options)
    {
        foreach (var precision in options.Precisions)
            if (precision.Refusal(options.Device) is { } refusal)
                throw new UserErrorException("--" + refusal);
        return BenchReport.Join([.. Subjects.Where(subject => what == All ? subject.InAll : subject.Name == what).Select(subject => subject.Measure(options))]);
    }

    private static int Print(BenchReport report, bool asJson)
    {
        if (asJson)
            Console.WriteLine(BenchJson.Of(report));
        else
            BenchTable.Print(report);
        foreach (var check in report.Checks.Where(check => !check.Passed))
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ddpm: {BenchTable.TitleOf(check)} is {check.Value:G3}; at most {check.Limit:G3} is allowed."));
        return report.Checks.All(check => check.Passed) ? 0 : CommandRunner.Failed;
    }

    private static SamplingPrecision ParsePrecision(string name)
    {
        try
        {
            return SamplingPrecisions.Parse(name);
        }
        catch (ArgumentException fault)
        {
            throw new UserErrorException($"--precision: {fault.Message.Split(" (Parameter")[0]}");
        }
    }
}
