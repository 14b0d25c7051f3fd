using System.CommandLine;
using System.Data.Common;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Storage;

namespace Ddpm.Api.Keys;

/// <summary><c>key add</c>, <c>list</c> and <c>revoke</c>: of <c>ddpm</c>, and of the API's own program, which is all that its container has.</summary>
public static class KeyCommand
{
    private const int Failed = 1;
    private const int NotUnderstood = 2;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The command, to be put under a program's root.</summary>
    public static Command Create() => new("key", "Makes, lists and revokes the keys by which a server knows who calls. Works on the database: no server need run.") { Add(), List(), Revoke() };

    /// <summary>Runs the command line of a program that has no other commands.</summary>
    /// <returns>The exit status: 0 done, 1 failed, 2 not understood.</returns>
    public static int Run(IReadOnlyList<string> args)
    {
        var parsed = new RootCommand("The REST API of Ddpm.") { Create() }.Parse(args);
        if (parsed.Errors.Count > 0 && parsed.Action is not System.CommandLine.Help.HelpAction)
        {
            foreach (var error in parsed.Errors)
                Console.Error.WriteLine(error.Message);
            return NotUnderstood;
        }

        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    private static Command Add()
    {
        var account = new Option<string>("--account") { Description = "Whom the key acts for; several keys may share an account.", HelpName = "NAME", Required = true };
        var role = new Option<string>("--role") { Description = "What it allows: read; submit, which makes and deletes too; admin, which does so for all accounts.", HelpName = "ROLE", Required = true };
        role.AcceptOnlyFromAmong(Roles.Read, Roles.Submit, Roles.Admin);
        var expires = new Option<TimeSpan?>("--expires")
        {
            Description = "How long it counts: a number with s, m, h or d, such as 90d. For ever if not given.",
            HelpName = "TIME",
            CustomParser = result =>
            {
                if (ParseLifetime(result.Tokens.Single().Value) is { } time)
                    return time;
                result.AddError($"--expires is '{result.Tokens.Single().Value}'; a number with s, m, h or d is accepted, from 1s to 3650d.");
                return null;
            },
        };
        return WithStore("add", "Makes a key and shows it, this once.", [account, role, expires], async (store, parsed, json) =>
        {
            var (key, row) = await store.AddAsync(parsed.GetRequiredValue(account), Roles.Of(parsed.GetRequiredValue(role)), parsed.GetValue(expires));
            if (json)
                Console.WriteLine(JsonSerializer.Serialize(new { Key = key, row.Id, row.Account, Role = Roles.Name(row.Role), row.Prefix, row.CreatedAt, row.ExpiresAt }, Json));
            else
                Console.WriteLine($"{key}\nThis is the only time it is shown. It acts for {row.Account} with the role {Roles.Name(row.Role)}{(row.ExpiresAt is { } end ? $", until {end:u}" : "")}; a running server takes it within two seconds.");
        });
    }

    private static Command List() => WithStore("list", "Lists the keys, without what is secret of them.", [], async (store, _, json) =>
    {
        var keys = await store.ListAsync();
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(keys.Select(key => new { key.Id, key.Prefix, key.Account, Role = Roles.Name(key.Role), Status = StatusOf(key), key.CreatedAt, key.ExpiresAt, key.LastUsedAt, key.RevokedAt }), Json));
            return;
        }

        string[] heading = ["PREFIX", "ACCOUNT", "ROLE", "STATUS", "MADE", "EXPIRES", "LAST USED", "ID"];
        var rows = keys.Select(key => new[] { key.Prefix, key.Account, Roles.Name(key.Role), StatusOf(key), Text(key.CreatedAt), Text(key.ExpiresAt), Text(key.LastUsedAt), $"{key.Id}" }).Prepend(heading).ToList();
        var widths = heading.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
            Console.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    });

    private static Command Revoke()
    {
        var key = new Argument<string>("PREFIX-or-ID") { Description = "Which one, as 'key list' shows it." };
        return WithStore("revoke", "Ends a key; running servers refuse it within two seconds.", [key], async (store, parsed, json) =>
        {
            var row = await store.RevokeAsync(parsed.GetRequiredValue(key));
            Console.WriteLine(json
                ? JsonSerializer.Serialize(new { row.Id, row.Prefix, row.Account, Role = Roles.Name(row.Role), row.RevokedAt }, Json)
                : $"{row.Prefix}… of {row.Account} is revoked; running servers refuse it within two seconds.");
        });
    }

    private static Command WithStore(string name, string description, Symbol[] symbols, Func<ApiKeyStore, ParseResult, bool, Task> act)
    {
        var data = new Option<string?>("--data") { Description = "Folder of the server's database; 'data' if neither this nor Data__Root says.", HelpName = "FOLDER" };
        var database = new Option<string?>("--database") { Description = "The server's PostgreSQL connection string, where it has one; Database__ConnectionString if not given.", HelpName = "STRING" };
        var json = new Option<bool>("--json") { Description = "Answer in JSON." };
        var command = new Command(name, description) { data, database, json };
        foreach (var symbol in symbols)
        {
            if (symbol is Option option)
                command.Options.Add(option);
            else
                command.Arguments.Add((Argument)symbol);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                await using var services = Services(parsed.GetValue(data), parsed.GetValue(database));
                await ActivatorUtilities.CreateInstance<DatabaseInitializer>(services).StartAsync(cancellationToken); // there may never have been a server
                await act(services.GetRequiredService<ApiKeyStore>(), parsed, parsed.GetValue(json));
                return 0;
            }
            catch (Exception refused) when (refused is ArgumentException or InvalidOperationException or DbException)
            {
                await Console.Error.WriteLineAsync(refused.Message);
                return Failed;
            }
        });
        return command;
    }

    // The settings of a server on this machine or in this container, so that both mean the same database.
    private static ServiceProvider Services(string? data, string? database)
    {
        var configuration = new ConfigurationManager();
        configuration.AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: true).AddEnvironmentVariables();
        configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Data:Root"] = data ?? configuration["Data:Root"],
            ["Database:Provider"] = database is null ? configuration["Database:Provider"] : nameof(DatabaseProvider.Postgres),
            ["Database:ConnectionString"] = database ?? configuration["Database:ConnectionString"],
        });
        return new ServiceCollection().AddLogging().AddDdpmStorage(configuration).BuildServiceProvider();
    }

    private static string StatusOf(ApiKey key) => key.RevokedAt is not null ? "revoked" : key.ExpiresAt <= DateTime.UtcNow ? "expired" : "active";

    private static string Text(DateTime? time) => time?.ToString("u", CultureInfo.InvariantCulture) ?? "-";

    private static TimeSpan? ParseLifetime(string text)
    {
        var unit = text.Length == 0 ? 0 : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 0 };
        return unit > 0 && double.TryParse(text.AsSpan(..^1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number * unit is >= 1 and <= 3650.0 * 86400
            ? TimeSpan.FromSeconds(number * unit) : null;
    }
}
