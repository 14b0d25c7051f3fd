using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Ddpm.Worker.Sampling;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Models;

/// <summary>Loads the model of requests that name none and draws with it once, before jobs are taken: the first request finds it there, and code that is compiled.</summary>
internal sealed partial class ModelWarmUp(
    IConfiguration configuration, IDbContextFactory<DdpmDbContext> databases, ModelCache models, JobClaims claims, IOptions<WorkerOptions> options,
    ILogger<ModelWarmUp> logger) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var name = configuration["Samples:DefaultModel"] is { Length: > 0 } setting ? setting : NamedModel.Shipped;
        try
        {
            await using var db = await databases.CreateDbContextAsync(cancellationToken);
            var model = await db.Models.AsNoTracking().Include(row => row.Checkpoint).SingleOrDefaultAsync(row => row.Name == name, cancellationToken);
            if (model?.Checkpoint is not { } checkpoint)
                return;
            await Task.WhenAll(
                Task.Run(() => models.Use(checkpoint, SamplingPrecision.Float32, Draw), cancellationToken),
                claims.TryClaimAsync(Guid.Empty, cancellationToken)); // which no job has: its statement is compiled all the same
            LogLoaded(name);
        }
        catch (Exception reason) when (reason is SamplingException or ArgumentException)
        {
            LogNotDrawn(name, reason.Message);
        }
#pragma warning disable CA1031 // A model that does not load fails the requests that want it, with its reason; the others can be served.
        catch (Exception reason) when (reason is not OperationCanceledException)
#pragma warning restore CA1031
        {
            LogNotLoaded(name, reason.Message);
        }

        byte[] Draw(Engine.DiffusionModel model)
        {
            var classes = model.Classes?.Names.Count ?? model.Network.NumClassEmbeds;
            int[]? labels = classes is not null && model.Classes?.NullClass is null ? [0] : null; // what it draws may be pictures of a class only
            var sampler = new SamplerConfig { Kind = SamplerKind.Ddim, Steps = 1 };
            var drawn = model.Sample(new SampleRequest { Count = 1, Sampler = sampler, ClassLabels = labels, Threads = options.Value.Threads }, progress: null, cancellationToken);
            return ImageGrid.EncodePng(drawn, 1, 1);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Information, Message = "Loaded the model {Name}.")]
    private partial void LogLoaded(string name);

    [LoggerMessage(Level = LogLevel.Information, Message = "Loaded the model {Name}, but drew nothing with it beforehand: {Reason}")]
    private partial void LogNotDrawn(string name, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The model {Name} could not be loaded beforehand: {Reason}")]
    private partial void LogNotLoaded(string name, string reason);
}
