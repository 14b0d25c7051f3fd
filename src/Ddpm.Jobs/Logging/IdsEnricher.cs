using Ddpm.Jobs.Telemetry;
using Serilog.Core;
using Serilog.Events;

namespace Ddpm.Jobs.Logging;

/// <summary>The ids of a line in one piece, as lines for people end with: <c> (job …, attempt 1, request …)</c>.</summary>
internal sealed class IdsEnricher : ILogEventEnricher
{
    public const string Name = "Ids";

    private static readonly (string Property, string Word)[] Ids = [(JobScope.JobId, "job"), (JobScope.Attempt, "attempt"), (JobScope.RequestId, "request")];

    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        var ids = Ids.Select(id => (id.Word, Value: (logEvent.Properties.GetValueOrDefault(id.Property) as ScalarValue)?.Value)).Where(id => id.Value is not null)
            .Select(id => $"{id.Word} {id.Value}").ToList();
        logEvent.AddPropertyIfAbsent(new LogEventProperty(Name, new ScalarValue(ids.Count == 0 ? "" : $" ({string.Join(", ", ids)})")));
    }
}
