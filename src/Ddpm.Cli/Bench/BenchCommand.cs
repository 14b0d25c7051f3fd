using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;

namespace Ddpm.Cli.Bench;

/// <summary><c>ddpm bench [what]</c>: speed and memory on this machine.</summary>
internal static class BenchCommand
{
    private const string All = "all";

    private static readonly BenchSubject[] Subjects =
    [
        new("forward", "a call of the network, beside a TorchScript file or the plain network", true, ListUse.Each, ListUse.Each, ForwardBench.Measure),
        new("sampling", "pictures drawn from noise to the end", true, ListUse.Each, ListUse.Each, SamplingBench.Measure),
        new("parity", "the network and sampling runs beside numbers of the reference implementation (--fixtures)", false, ListUse.None, ListUse.Each, ParityBench.Measure),
        new("training", "training steps in float32 and bfloat16 beside a straightforward loop", false, ListUse.Each, ListUse.None, TrainingSubjects.Steps),
        new("loader", "batches made beside batches used up", false, ListUse.Each, ListUse.None, TrainingSubjects.Loader),
        new("checkpoint", "what checkpoints cost a run", false, ListUse.Each, ListUse.None, TrainingSubjects.Checkpointing),
        new("training-memory", "the process's memory over 1,000 training steps", false, ListUse.One, ListUse.None, TrainingSubjects.Memory),
        new("shared-calls", "requests at once beside the same in turn, and a small one beside a large one", false, ListUse.None, ListUse.Each, SharedCallsBench.Measure),
        new("shared-device", "training and sampling at once", false, ListUse.None, ListUse.One, SharedDeviceBench.Measure),
        new("overhead", "the share of whole sampling runs that passes outside the network", false, ListUse.Each, ListUse.Each, OverheadBench.Measure),
        new("busy", "a call of the network while another process keeps a core busy", false, ListUse.Each, ListUse.Each, BusyBench.Measure),
        new("noise", "normal noise on one core", true, ListUse.None, ListUse.None, NoiseBench.Measure),
        new("png", "the PNG of a grid", true, ListUse.None, ListUse.None, PictureBench.Measure),
        new("memory", "the process's memory after 50, 500 and 1,000 sampling steps", true, ListUse.One, ListUse.Each, MemoryBench.Measure),
    ];

    public static Command Create()
    {
        var what = new Argument<string>("what")
        {
            Description = $"{string.Join("; ", Subjects.Select(subject => $"{subject.Name}: {subject.Description}"))}; {All}: everything that needs no further file.",
            DefaultValueFactory = _ => All,
        };
        what.AcceptOnlyFromAmong([.. Subjects.Select(subject => subject.Name), All]);
        var model = new Option<string>("--model") { Description = $"A diffusers folder, for forward, busy and training also of the network alone; a model that comes with Ddpm; or a network with random weights: {string.Join(", ", NamedNetwork.Names)}.", HelpName = "FOLDER", DefaultValueFactory = _ => "cifar10" };
        var baseline = new Option<string?>("--baseline") { Description = "TorchScript of the same network that takes (sample, timestep), such as eng/trace-diffusers makes: measured in turns with ours in this process.", HelpName = "FILE.pt" };
        var batch = Arguments.List("--batch", $"Pictures of a call or a step. {Heeding(subject => subject.Batch)}", 8, 1, 4096, "1,4,16");
        var precision = new Option<string>("--precision") { Description = $"With commas between them: {string.Join(", ", SamplingPrecisions.Names)}. {Heeding(subject => subject.Precision)}", HelpName = "LIST", DefaultValueFactory = _ => "float32" };
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
            var name = parsed.GetRequiredValue(what);
            var subjects = Subjects.Where(subject => name == All ? subject.InAll : subject.Name == name).ToList();
            foreach (var subject in subjects.Where(_ => name != All))
                subject.RequireFit(options, parsed.GetResult(batch) is { Implicit: false }, parsed.GetResult(precision) is { Implicit: false });
            return Run(subjects, options, parsed.GetValue(file), parsed.GetValue(json));
        });
        return command;
    }

    private static string Heeding(Func<BenchSubject, ListUse> use)
    {
        string Names(ListUse wanted) => string.Join(", ", Subjects.Where(subject => use(subject) == wanted).Select(subject => subject.Name));
        return $"Not of {Names(ListUse.None)}; one only of {Names(ListUse.One)}.";
    }

    // What has been measured is shown whatever comes after it: a batch too large for the memory must not cost an hour's results.
    private static int Run(IReadOnlyList<BenchSubject> subjects, BenchOptions options, string? file, bool asJson)
    {
        Check(subjects, options);
        var reports = new List<BenchReport>();
        try
        {
            foreach (var subject in subjects)
                foreach (var report in subject.Measure(subject.Fit(options)))
                    reports.Add(report);
        }
        catch (Exception fault) when (fault is ExternalException or OutOfMemoryException)
        {
            Show();
            throw new UserErrorException($"A measurement failed: {NativeFault.LineOf(fault)}");
        }
        catch
        {
            Show();
            throw;
        }

        return Show();

        int Show()
        {
            if (reports.Count == 0)
                return 0;
            var report = BenchReport.Join(reports);
            if (file is not null)
                File.WriteAllText(file, BenchJson.Of(report) + "\n");
            return Print(report, asJson);
        }
    }

    private static void Check(IReadOnlyList<BenchSubject> subjects, BenchOptions options)
    {
        if (subjects.Any(subject => subject.Measure == MemoryBench.Measure) && options.Steps > MemoryBench.First)
            throw new UserErrorException($"bench memory looks at memory after {MemoryBench.First} steps first: --steps is {options.Steps}; at most {MemoryBench.First} is accepted.");
        foreach (var precision in options.Precisions)
            if (precision.Refusal(options.Device) is { } refusal)
                throw new UserErrorException("--" + refusal);
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
