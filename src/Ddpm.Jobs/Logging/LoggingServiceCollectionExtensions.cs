using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Serilog;
using Serilog.Events;

namespace Ddpm.Jobs.Logging;

/// <summary>How every process of ours says what it does.</summary>
public static class LoggingServiceCollectionExtensions
{
    /// <summary>Adds Serilog, to the console; libraries are heard from warnings up. The section <c>Serilog</c> of the settings changes what is said here.</summary>
    public static IServiceCollection AddDdpmLogging(this IServiceCollection services, IConfiguration configuration) => services.AddSerilog(logging => logging
        .MinimumLevel.Information()
        .MinimumLevel.Override("Hangfire", LogEventLevel.Warning)
        .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
        .MinimumLevel.Override("Microsoft.AspNetCore.DataProtection", LogEventLevel.Error) // keys that seal cookies lie in a folder of their own, unencrypted; docs/keys.md says so
        .MinimumLevel.Override("Microsoft.Hosting.Lifetime", LogEventLevel.Information)
        .Filter.ByExcluding(line => line.Exception is StartRefusedException) // its sentence is printed, and nobody needs the stack
        .WriteTo.Console(formatProvider: CultureInfo.InvariantCulture)
        .ReadFrom.Configuration(configuration));
}
