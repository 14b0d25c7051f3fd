using Ddpm.Api;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Logging;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddDdpmLogging(builder.Configuration);
builder.Services.AddDdpmApi(builder.Configuration);

await using var app = builder.Build();
app.MapDdpmApi();
await app.RunToTheEndAsync();
