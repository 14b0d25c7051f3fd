using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Ddpm.Api.Keys;

/// <summary>Everything that says who may do what.</summary>
internal static class KeyServiceCollectionExtensions
{
    public static IServiceCollection AddDdpmKeys(this IServiceCollection services)
    {
        services.AddSingleton<SessionCookie>();
        services.AddSingleton<CallerLookup>();
        services.AddHostedService<AddressCheck>();
        services.AddAuthentication(KeyHandler.SchemeName).AddScheme<AuthenticationSchemeOptions, KeyHandler>(KeyHandler.SchemeName, null);
        services.AddDdpmRoles();
        services.AddDataProtection().SetApplicationName("Ddpm");
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider => new ConfigureOptions<KeyManagementOptions>(
            options => options.XmlRepository = Sealing(provider.GetRequiredService<StorageOptions>(), provider.GetRequiredService<ILoggerFactory>())));

        // What the scope of a request reads is what its caller may see. Scopes of other work, which have no request, see everything.
        services.AddHttpContextAccessor();
        services.Replace(ServiceDescriptor.Scoped(provider => provider.GetRequiredService<DdpmDbContextFactory>().CreateDbContext(
            provider.GetRequiredService<IHttpContextAccessor>().HttpContext is { } context ? Caller.AccountShownTo(context) : null)));
        return services;
    }

    // Beside the data, so that a restart, and another process over the same folder, knows the browsers that are signed in.
    private static FileSystemXmlRepository Sealing(StorageOptions storage, ILoggerFactory loggers)
    {
        var folder = new DirectoryInfo(Path.Combine(storage.DataRoot, "sessions"));
        if (OperatingSystem.IsWindows())
            folder.Create();
        else
            Directory.CreateDirectory(folder.FullName, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new FileSystemXmlRepository(folder, loggers);
    }
}
