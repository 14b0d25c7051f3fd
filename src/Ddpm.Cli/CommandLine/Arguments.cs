using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Ddpm.Cli.CommandLine;

/// <summary>Options that check what they are given and say in one line what is accepted.</summary>
internal static class Arguments
{
    /// <summary>A number in a range.</summary>
    public static Option<T> Number<T>(string name, string description, T from, T to, T usual)
        where T : struct, INumber<T> => new(name)
        {
            Description = $"{description} {Text(from)} to {Text(to)}.",
            HelpName = "N",
            CustomParser = result => Parse(result, name, from, to) ?? default,
            DefaultValueFactory = _ => usual,
        };

    /// <summary>A number in a range that may be left out.</summary>
    public static Option<T?> OptionalNumber<T>(string name, string description, T from, T to)
        where T : struct, INumber<T> => new(name)
        {
            Description = $"{description} {Text(from)} to {Text(to)}.",
            HelpName = "N",
            CustomParser = result => Parse(result, name, from, to),
        };

    /// <summary>Whole numbers with commas between them.</summary>
    public static Option<string> List(string name, string description, int most, int from, int to, string usual)
    {
        var option = new Option<string>(name) { DefaultValueFactory = _ => usual };
        return WithList(option, description, most, from, to);
    }

    /// <summary>Whole numbers with commas between them; may be left out.</summary>
    public static Option<string?> OptionalList(string name, string description, int most, int from, int to) =>
        WithList(new Option<string?>(name), description, most, from, to);

    /// <summary>One of some words; <paramref name="usual"/> may be null.</summary>
    public static Option<string?> Choice(string name, string description, string? usual, params string[] words) => new(name)
    {
        Description = $"{description} {string.Join(", ", words)}.",
        HelpName = "NAME",
        DefaultValueFactory = usual is null ? null : _ => usual,
        CustomParser = result =>
        {
            var word = result.Tokens.Single().Value;
            if (!words.Contains(word))
                result.AddError($"{name} is '{word}'; {string.Join(", ", words)} are accepted.");
            return word;
        },
    };

    /// <summary>A length of time: a number with s, m, h or d, from one second to 365 days; may be left out.</summary>
    public static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        Description = $"{description} A number with s, m, h or d, such as 90m; 1s to 365d.",
        HelpName = "TIME",
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value;
            var unit = text.Length == 0 ? 0 : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 0 };
            if (unit > 0 && double.TryParse(text.AsSpan(..^1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number * unit is >= 1 and <= 365 * 86400)
                return TimeSpan.FromSeconds(number * unit);
            result.AddError($"{name} is '{text}'; a number with s, m, h or d is accepted, from 1s to 365d.");
            return null;
        },
    };

    /// <summary>Where the network runs.</summary>
    public static Option<string> Device() => new("--device")
    {
        Description = "Where the network runs: auto (a GPU where there is one), cpu, cuda or cuda:N.",
        HelpName = "NAME",
        DefaultValueFactory = _ => "auto",
    };

    /// <summary>How many cores it may use.</summary>
    public static Option<int?> Threads() => OptionalNumber("--threads", "CPU threads of the network; all cores if not given.", 1, 1024);

    private static Option<T> WithList<T>(Option<T> option, string description, int most, int from, int to)
        where T : class?
    {
        option.Description = $"{description} 1 to {most} numbers with commas between them, each {from} to {to}.";
        option.HelpName = "LIST";
        option.Validators.Add(result =>
        {
            var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : null;
            if (text is null)
                return;
            var parts = text.Split(',');
            if (parts.Length > most || !parts.All(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= from && number <= to))
                result.AddError($"{option.Name} is '{text}'; 1 to {most} whole numbers from {from} to {to} with commas between them are accepted.");
        });
        return option;
    }

    private static T? Parse<T>(ArgumentResult result, string name, T from, T to)
        where T : struct, INumber<T>
    {
        var text = result.Tokens.Single().Value;
        if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= from && number <= to)
            return number;
        var kind = T.IsInteger(T.One / (T.One + T.One)) ? "a whole number" : "a number";
        result.AddError($"{name} is '{text}'; {kind} from {Text(from)} to {Text(to)} is accepted.");
        return null;
    }

    private static string Text<T>(T number)
        where T : INumber<T> => number.ToString(null, CultureInfo.InvariantCulture);
}
