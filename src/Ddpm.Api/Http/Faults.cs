namespace Ddpm.Api.Http;

/// <summary>Everything that is wrong with a request, collected so that its sender can put all of it right at once.</summary>
internal sealed class Faults
{
    // What else is wrong shows once these are put right; a body of a megabyte can hold some hundred thousand.
    private const int MostShown = 100;
    private const int LongestField = 200;

    private readonly SortedDictionary<string, List<string>> _byField = new(StringComparer.Ordinal);

    public bool Any => Count > 0;

    public int Count { get; private set; }

    /// <param name="field">Path in the request's own words, e.g. <c>training.epochs</c>; empty for the body as a whole.</param>
    /// <param name="message">What it must be, and what it is: a clause that follows the field's name.</param>
    public void Add(string field, string message)
    {
        if (++Count > MostShown)
            return;
        field = PlainText.Of(field.Length > LongestField ? field[..LongestField] + "…" : field);
        if (!_byField.TryGetValue(field, out var messages))
            _byField[field] = messages = [];
        messages.Add(message);
    }

    /// <summary>One fault as an exception.</summary>
    public static RequestProblem One(string field, string message)
    {
        var faults = new Faults();
        faults.Add(field, message);
        return new RequestProblem(faults.ToProblem());
    }

    public bool Has(string field) => _byField.ContainsKey(field);

    /// <exception cref="RequestProblem">There is a fault.</exception>
    public void ThrowIfAny()
    {
        if (Any)
            throw new RequestProblem(ToProblem());
    }

    private HttpValidationProblemDetails ToProblem()
    {
        var (first, messages) = _byField.First();
        return new(_byField.ToDictionary(field => field.Key, field => field.Value.ToArray()))
        {
            Status = StatusCodes.Status400BadRequest,
            Title = "The request cannot be accepted as it is.",
            Detail = Count == 1 ? Sentence(first, messages[0]) : $"{Sentence(first, messages[0])} And {Count - 1} more: see errors.",
        };
    }

    private static string Sentence(string field, string message)
    {
        var sentence = field.Length == 0 ? char.ToUpperInvariant(message[0]) + message[1..] : $"{field} {message}";
        return sentence.EndsWith('.') ? sentence : sentence + ".";
    }
}
