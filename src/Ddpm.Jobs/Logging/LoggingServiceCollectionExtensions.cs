using System.Globalization;
using Ddpm.Jobs.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Serilog;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Compact;
using Serilog.Formatting.Display;

namespace Ddpm.Jobs.Logging;

/// <summary>How every process of ours says what it does.</summary>
public static class LoggingServiceCollectionExtensions
{
    private const string Readable = "[{Timestamp:HH:mm:ss} {Level:u3}] {Message:l}{" + IdsEnricher.Name + "}{NewLine}{Exception}";

    /// <summary>Adds Serilog, to the console; libraries are heard from warnings up. Lines are JSON where <c>Logging:Json</c> is true. The section <c>Serilog</c> of the settings changes what is said here.</summary>
    public static IServiceCollection AddDdpmLogging(this IServiceCollection services, IConfiguration configuration)
    {
        var json = configuration.Switch("Logging:Json", otherwise: false);
        ITextFormatter lines = json ? new CompactJsonFormatter() : new MessageTemplateTextFormatter(Readable, CultureInfo.InvariantCulture);
        return services.AddSerilog(logging =>
        {
            logging
                .MinimumLevel.Information()
                .MinimumLevel.Override("Hangfire", LogEventLevel.Warning)
                .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
                .MinimumLevel.Override("Microsoft.AspNetCore.DataProtection", LogEventLevel.Error) // keys that seal cookies lie in a folder of their own, unencrypted; docs/keys.md says so
                .MinimumLevel.Override("Microsoft.Hosting.Lifetime", LogEventLevel.Information)
                .Filter.ByExcluding(line => line.Exception is StartRefusedException); // its sentence is printed, and nobody needs the stack
            if (!json)
                logging.Enrich.With<IdsEnricher>();
            logging.WriteTo.Console(new MaskingFormatter(lines)).ReadFrom.Configuration(configuration);
        });
    }
}
