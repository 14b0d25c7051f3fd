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
    private readonly SamplingNetwork _sampling;
    private readonly Device _device;

    private DiffusionModel(UNet network, NoiseScheduleConfig schedule, Device device, ClassNames? classes, SamplingNetwork sampling)
    {
        _network = network;
        _sampling = sampling;
        _device = device;
        Schedule = schedule;
        Classes = classes;
    }

    /// <summary>The network's configuration.</summary>
    public UNetConfig Network => _network.Config;

    /// <summary>The noise schedule it was trained with.</summary>
    public NoiseScheduleConfig Schedule { get; }

    /// <summary>What its labels stand for; null where it knows no classes, or nothing is said of them.</summary>
    public ClassNames? Classes { get; }

    /// <summary>Rows, and columns, of the pictures it draws: what it was trained on, 64 where it does not say.</summary>
    public int Side => Network.SampleSize ?? 64;

    /// <summary>The network, in evaluation mode.</summary>
    internal UNet UNet => _network;

    /// <summary>Why a GPU's small batches are not recorded as CUDA graphs, in a few words; null where they are, and on a CPU.</summary>
    public string? Obstacle => _sampling.Obstacle;

    /// <summary>Where it is.</summary>
    internal Device Device => _device;

    /// <summary>Its parameters.</summary>
    public long Parameters => _network.parameters().Sum(parameter => parameter.numel());

    /// <summary>Loads a diffusers folder.</summary>
    /// <param name="folder">Where it is.</param>
    /// <param name="device">Where the network goes.</param>
    /// <param name="precision">What it computes in.</param>
    /// <exception cref="CheckpointException">It cannot be used; the message names the file and the field or tensor.</exception>
    /// <exception cref="SamplingException">The device lacks the precision.</exception>
    public static DiffusionModel Load(string folder, Device device, SamplingPrecision precision = SamplingPrecision.Float32) => Load(folder, device, precision, new CudaOptions());

    /// <summary>As above; for measuring what the options are worth.</summary>
    internal static DiffusionModel Load(string folder, Device device, SamplingPrecision precision, CudaOptions options)
    {
        TorchRuntime.Initialize();
        if (precision.Refusal(device) is { } refusal)
            throw new SamplingException(refusal);
        var files = DiffusersFolder.Open(folder);
        files.RequireDrawable();
        var network = files.LoadNetwork(device);
        return new DiffusionModel(network, files.Schedule, device, files.Classes, SamplingNetwork.Of(network, device, precision, options));
    }

    /// <summary>Wraps a network in evaluation mode that is in memory already. Borrowed: then this must not be disposed.</summary>
    internal static DiffusionModel Of(UNet network, NoiseScheduleConfig schedule, Device device, ClassNames? classes = null) =>
        new(network, schedule, device, classes, SamplingNetwork.Of(network, device, SamplingPrecision.Float32, new CudaOptions(RecordsCalls: false))); // nobody would dispose the recordings

    /// <summary>Draws pictures. Synchronous; on a CPU <see cref="SampleRequest.Threads"/> helper threads do the work.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="progress">Told after each network call.</param>
    /// <param name="cancellationToken">Looked at between network calls.</param>
    /// <param name="trajectory">Filled with what lies between the noise and the pictures; null for nothing.</param>
    /// <exception cref="SamplingException">The request does not fit the model, or the pictures are not numbers any more.</exception>
    /// <exception cref="ArgumentException">Fewer than one picture, or more than fit into memory.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public PixelBatch Sample(SampleRequest request, IProgress<SamplingProgress>? progress, CancellationToken cancellationToken, Trajectory? trajectory = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Count, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(request.FirstImage);
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Threads ?? 1, 1);
        if ((long)request.Count * Network.OutChannels * Side * Side > Array.MaxLength)
            throw new ArgumentException($"{request.Count} pictures of {Side}×{Side} pixels are more than fit into memory at once.", nameof(request));
        CheckClasses(request);
        foreach (var picture in request.Guide?.Pictures ?? [])
            CheckShape(picture);
        var images = request.Guide?.Images(this, request) ?? Unguided(request);
        var plan = images[0].Plan; // of all of them
        CheckTimesteps(plan);
        var done = 0;
        var total = request.Count * plan.Steps.Count;
        void AfterStep(int moved) => progress?.Report(new SamplingProgress(Interlocked.Add(ref done, moved), total));

        var loop = new DenoisingLoop(_sampling.Call, Network.InChannels, _device, noise: null, Classes?.NullClass);
        trajectory?.Begin(plan.Steps.Count, request.Count, Network.InChannels, Side);
        var finished = ImageLanes.Run(images, _device, request.Threads ?? TorchRuntime.Threads, (first, batch) =>
        {
            using var drawn = loop.Run(batch, Side, Side, AfterStep, cancellationToken, trajectory?.WatchFrom(first));
            if (!drawn.isfinite().all().item<bool>())
                throw new SamplingException("The pictures are not numbers any more: the model's weights, or its noise schedule, are not usable.");
            return PixelRange.ToBytes(drawn);
        });
        trajectory?.End(finished);
        return finished;
    }

    /// <inheritdoc/>
    public void Dispose() => _sampling.Dispose();

    private List<ImageToDraw> Unguided(SampleRequest request)
    {
        var plan = SamplingPlan.For(Schedule, request.Sampler);
        return [.. Enumerable.Range(0, request.Count).Select(index => request.ImageAt(index, plan))];
    }

    private void CheckShape(PixelBatch picture)
    {
        if ((picture.Count, picture.Channels, picture.Height, picture.Width) != (1, Network.InChannels, Side, Side))
            throw new ArgumentException($"The picture is {picture.Count}×{picture.Channels}×{picture.Height}×{picture.Width}; the model needs 1×{Network.InChannels}×{Side}×{Side}.");
    }

    private void CheckTimesteps(SamplingPlan plan)
    {
        if (Network.TimeEmbeddingType == "fourier" && plan.Steps.Any(step => step.Timestep <= 0))
            throw new SamplingException("The model embeds the logarithm of the timestep (time_embedding_type is fourier), which timestep 0 has not: choose trailing spacing, or timesteps above 0.");
    }

    private void CheckClasses(SampleRequest request)
    {
        if (!double.IsFinite(request.GuidanceScale) || request.GuidanceScale < 0)
            throw new SamplingException($"guidanceScale is {request.GuidanceScale}; a number of 0 or more is needed.");
        // The null class, which is the last label, is asked for by giving none.
        if ((Classes?.Names.Count ?? Network.NumClassEmbeds) is not { } classes)
        {
            if (request.ClassLabels is { Count: > 0 })
                throw new SamplingException("classLabels are given, but the model knows no classes.");
            if (request.GuidanceScale != 1)
                throw new SamplingException("guidanceScale must be 1: the model knows no classes to be guided by.");
            return;
        }

        if (request.ClassLabels is not { Count: > 0 } labels)
        {
            if (Classes?.NullClass is null)
                throw new SamplingException($"classLabels is missing: the model draws pictures of a class, 0 to {classes - 1}.");
            if (request.GuidanceScale != 1)
                throw new SamplingException("guidanceScale must be 1 where no classLabels are given: there is no class to be guided by.");
            return;
        }

        if (labels.Count != 1 && labels.Count != request.Count)
            throw new SamplingException($"classLabels holds {labels.Count} labels; one for all pictures, or one for each of the {request.Count}, is needed.");
        if (labels.Any(label => label < 0 || label >= classes))
            throw new SamplingException($"classLabels holds {labels.First(label => label < 0 || label >= classes)}; 0 to {classes - 1} is accepted.");
        if (request.GuidanceScale != 1 && Classes?.NullClass is null)
            throw new SamplingException("guidanceScale must be 1: the model was not trained without classes too (label dropout), so it cannot be guided.");
    }
}
