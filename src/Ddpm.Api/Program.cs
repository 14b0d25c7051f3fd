using Ddpm.Api;
using Ddpm.Api.Keys;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Logging;

if (args is ["key", ..])
    return KeyCommand.Run(args);

var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.Services.AddDdpmLogging(builder.Configuration);
builder.Services.AddDdpmApi(builder.Configuration);

await using var app = builder.Build();
app.MapDdpmApi();
try
{
    await app.RunToTheEndAsync();
    return 0;
}
catch (StartRefusedException refused)
{
    await Console.Error.WriteLineAsync(refused.Message);
    return 1;
}
