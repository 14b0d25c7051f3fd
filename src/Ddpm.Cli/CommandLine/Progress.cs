using Spectre.Console;

namespace Ddpm.Cli.CommandLine;

/// <summary>Shows how far long work is, on standard error: a bar on a terminal, now and then a line elsewhere.</summary>
internal abstract class ProgressDisplay
{
    /// <summary>Does the work; it hears of nothing and tells <see cref="ProgressDisplay"/> everything.</summary>
    public static T Run<T>(string title, Func<ProgressDisplay, T> work)
    {
        if (Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") is null or "dumb")
            return work(new PlainLines(title));
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress()
            .AutoClear(true)
            .Columns(new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .Start(context => work(new Bar(console, context.AddTask(Markup.Escape(title)), title)));
    }

    /// <summary>So much is done.</summary>
    /// <param name="done">From 0 to <paramref name="total"/>.</param>
    /// <param name="total">Above 0.</param>
    /// <param name="detail">What else there is to say, in a few words.</param>
    public abstract void Report(double done, double total, string detail = "");

    /// <summary>Something that stays to be read.</summary>
    public abstract void Say(string line);

    private sealed class Bar(IAnsiConsole console, ProgressTask task, string title) : ProgressDisplay
    {
        public override void Report(double done, double total, string detail)
        {
            task.MaxValue = total;
            task.Value = done;
            task.Description = Markup.Escape(detail.Length == 0 ? title : $"{title}  {detail}");
        }

        public override void Say(string line) => console.WriteLine(line);
    }

    private sealed class PlainLines(string title) : ProgressDisplay
    {
        private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
        private DateTimeOffset _next = DateTimeOffset.MinValue;

        public override void Report(double done, double total, string detail)
        {
            var now = TimeProvider.System.GetUtcNow();
            if (now < _next && done < total)
                return;
            _next = now + Pause;
            Console.Error.WriteLine(FormattableString.Invariant($"{title} {100 * done / total:0}% {detail}").TrimEnd());
        }

        public override void Say(string line) => Console.Error.WriteLine(line);
    }
}
