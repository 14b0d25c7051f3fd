using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine;

/// <summary>A trained model, loaded: draws pictures. Safe for one request at a time.</summary>
public sealed class DiffusionModel : IDisposable
{
    private readonly UNet _network;
    private readonly Device _device;

    private DiffusionModel(UNet network, NoiseScheduleConfig schedule, Device device)
    {
        _network = network;
        _device = device;
        Schedule = schedule;
    }

    /// <summary>The network's configuration.</summary>
    public UNetConfig Network => _network.Config;

    /// <summary>The noise schedule it was trained with.</summary>
    public NoiseScheduleConfig Schedule { get; }

    /// <summary>Rows, and columns, of the pictures it draws: what it was trained on, 64 where it does not say.</summary>
    public int Side => Network.SampleSize ?? 64;

    /// <summary>The network, in evaluation mode.</summary>
    internal UNet UNet => _network;

    /// <summary>Where it is.</summary>
    internal Device Device => _device;

    /// <summary>Its parameters.</summary>
    public long Parameters => _network.parameters().Sum(parameter => parameter.numel());

    /// <summary>Loads a diffusers folder.</summary>
    /// <exception cref="CheckpointException">It cannot be used; the message names the file and the field or tensor.</exception>
    public static DiffusionModel Load(string folder, Device device)
    {
        TorchRuntime.Initialize();
        var files = DiffusersFolder.Open(folder);
        files.RequireDrawable();
        return new DiffusionModel(files.LoadNetwork(device), files.Schedule, device);
    }

    /// <summary>Wraps a network in evaluation mode that is in memory already. Borrowed: then this must not be disposed.</summary>
    internal static DiffusionModel Of(UNet network, NoiseScheduleConfig schedule, Device device) => new(network, schedule, device);

    /// <summary>Draws pictures. Synchronous; on a CPU <see cref="SampleRequest.Threads"/> helper threads do the work.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="progress">Told after each network call.</param>
    /// <param name="cancellationToken">Looked at between network calls.</param>
    /// <exception cref="ArgumentException">The request does not fit the model.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public PixelBatch Sample(SampleRequest request, IProgress<SamplingProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Count, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(request.FirstImage);
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Threads ?? 1, 1);
        if ((long)request.Count * Network.OutChannels * Side * Side > Array.MaxLength)
            throw new ArgumentException($"{request.Count} pictures of {Side}×{Side} pixels are more than fit into memory at once.", nameof(request));
        var plan = SamplingPlan.For(Schedule, request.Sampler);
        var images = Enumerable.Range(request.FirstImage, request.Count).Select(index => new ImageToDraw(plan, request.Seed, (uint)index)).ToList();
        var done = 0;
        var total = request.Count * plan.Steps.Count;
        void AfterStep(int moved) => progress?.Report(new SamplingProgress(Interlocked.Add(ref done, moved), total));

        var loop = new DenoisingLoop(_network, _device);
        return ImageLanes.Run(images, _device, request.Threads ?? TorchRuntime.Threads, batch =>
        {
            using var drawn = loop.Run(batch, Side, Side, AfterStep, cancellationToken);
            if (!drawn.isfinite().all().item<bool>())
                throw new SamplingException("The pictures are not numbers any more: the model's weights, or its noise schedule, are not usable.");
            return PixelRange.ToBytes(drawn);
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();
}
