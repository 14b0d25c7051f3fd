using System.Text.Json.Nodes;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Ddpm.Services.Tests.Running;

/// <summary>What Prometheus and Grafana are given.</summary>
internal static class DeployFiles
{
    private static readonly IDeserializer Yaml = new DeserializerBuilder().WithNamingConvention(CamelCaseNamingConvention.Instance).IgnoreUnmatchedProperties().Build();

    public static IReadOnlyList<AlertRule> Alerts { get; } = [.. Yaml.Deserialize<AlertFile>(Read("deploy/alerts.yml")).Groups.SelectMany(group => group.Rules)];

    /// <summary>Of all panels.</summary>
    public static IReadOnlyList<string> DashboardExpressions { get; } =
    [
        .. JsonNode.Parse(Read("deploy/grafana/ddpm.json"))!["panels"]!.AsArray().SelectMany(panel => panel!["targets"]!.AsArray()).Select(target => (string)target!["expr"]!),
    ];

    public static string Read(string path) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, path));

    internal sealed class AlertFile
    {
        public List<AlertGroup> Groups { get; set; } = [];
    }

    internal sealed class AlertGroup
    {
        public List<AlertRule> Rules { get; set; } = [];
    }

    internal sealed class AlertRule
    {
        public string Alert { get; set; } = "";
        public string Expr { get; set; } = "";
        public Dictionary<string, string> Annotations { get; set; } = [];
    }
}
