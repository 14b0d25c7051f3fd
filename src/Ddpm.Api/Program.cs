using Ddpm.Api;
using Ddpm.Jobs.Logging;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddDdpmLogging(builder.Configuration);
builder.Services.AddDdpmApi(builder.Configuration);

var app = builder.Build();
app.MapDdpmApi();
await app.RunAsync();
