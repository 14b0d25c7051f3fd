using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Shared;
using Ddpm.Engine.Sampling.Steps;
using static TorchSharp.torch;

namespace Ddpm.Engine;

/// <summary>A trained model, loaded: draws pictures. Any number of threads may draw at once: their pictures share the network's calls.</summary>
public sealed class DiffusionModel : IDisposable
{
    private readonly UNet _network;
    private readonly SamplingNetwork _sampling;
    private readonly Device _device;
    private readonly StepNetwork _steps;
    private readonly SharedLoop _loop;

    private DiffusionModel(UNet network, NoiseScheduleConfig schedule, Device device, ClassNames? classes, SamplingNetwork sampling, bool yields)
    {
        _network = network;
        _sampling = sampling;
        _device = device;
        Schedule = schedule;
        Classes = classes;
        _steps = new StepNetwork(sampling.Call, network.Config.InChannels, device)
        {
            NullClass = classes?.NullClass,
            IsBatchInvariant = sampling.IsBatchInvariant,
            CallBytes = sampling.CallBytes,
        };
        _loop = new SharedLoop(_steps, Side, Side, yields);
    }

    /// <summary>The network's configuration.</summary>
    public UNetConfig Network => _network.Config;

    /// <summary>The noise schedule it was trained with.</summary>
    public NoiseScheduleConfig Schedule { get; }

    /// <summary>What its labels stand for; null where it knows no classes, or nothing is said of them.</summary>
    public ClassNames? Classes { get; }

    /// <summary>Rows, and columns, of the pictures it draws: what it was trained on, 64 where it does not say.</summary>
    public int Side => Network.SampleSize ?? 64;

    /// <summary>What sampling has asked of the network so far.</summary>
    public NetworkMeter Meter => _steps.Meter;

    /// <summary>The network, in evaluation mode.</summary>
    internal UNet UNet => _network;

    /// <summary>Why a GPU's small batches are not recorded as CUDA graphs, in a few words; null where they are, and on a CPU.</summary>
    public string? Obstacle => _sampling.Obstacle;

    /// <summary>Where it is.</summary>
    internal Device Device => _device;

    /// <summary>Its parameters.</summary>
    public long Parameters => _network.parameters().Sum(parameter => parameter.numel());

    /// <summary>Bytes of memory that it holds while nothing is drawn; on a GPU of the GPU's.</summary>
    public long MemoryBytes => _sampling.Bytes;

    /// <summary>Loads a diffusers folder.</summary>
    /// <param name="folder">Where it is.</param>
    /// <param name="device">Where the network goes.</param>
    /// <param name="precision">What it computes in.</param>
    /// <param name="threads">Of a network call on a CPU; at least 1, null for <see cref="TorchRuntime.Threads"/>. It does not change the pictures.</param>
    /// <exception cref="CheckpointException">It cannot be used; the message names the file and the field or tensor.</exception>
    /// <exception cref="SamplingException">The device lacks the precision.</exception>
    public static DiffusionModel Load(string folder, Device device, SamplingPrecision precision = SamplingPrecision.Float32, int? threads = null) =>
        Load(folder, device, precision, new CudaOptions(), threads);

    /// <summary>As above; for measuring what the options are worth.</summary>
    internal static DiffusionModel Load(string folder, Device device, SamplingPrecision precision, CudaOptions options, int? threads = null)
    {
        TorchRuntime.Initialize();
        if (precision.Refusal(device) is { } refusal)
            throw new SamplingException(refusal);
        var files = DiffusersFolder.Open(folder);
        files.RequireDrawable();
        var network = files.LoadNetwork(device);
        return new DiffusionModel(network, files.Schedule, device, files.Classes, SamplingNetwork.Of(network, device, precision, options, threads), yields: true);
    }

    /// <summary>Wraps a network in evaluation mode that is in memory already and is not changed while this lives. Borrowed. It does not make way for training, since it is
    /// training that draws with it.</summary>
    internal static DiffusionModel Of(UNet network, NoiseScheduleConfig schedule, Device device, ClassNames? classes = null) =>
        new(network, schedule, device, classes, SamplingNetwork.Of(network, device, SamplingPrecision.Float32, new CudaOptions(RecordsCalls: false), get_num_threads(), isBorrowed: true), yields: false); // as many threads as the run that draws with it

    /// <summary>Draws pictures. Synchronous; the model's denoising loop does the work, for all who ask at once.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="progress">Told after each network call that moved a picture of the request, on the loop's thread: it must be quick.</param>
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
        CheckMemory(request, trajectory is not null);
        var images = request.Guide?.Images(this, request) ?? Unguided(request);
        var plan = images[0].Plan; // of all of them
        CheckTimesteps(plan);
        trajectory?.Begin(plan.Steps.Count, request.Count, Network.InChannels, Side);
        var finished = _loop.Draw(images, request.Threads ?? TorchRuntime.Threads, progress, trajectory, cancellationToken);
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

    /// <summary>What a request takes of memory beside the model. One that takes more than there is, is refused before it begins.</summary>
    /// <param name="request">Checked by <see cref="Sample"/>, not here.</param>
    /// <param name="trajectory">Whether its steps are kept.</param>
    /// <exception cref="SamplingException">Its sampler does not fit the model.</exception>
    public SamplingMemory MemoryFor(SampleRequest request, bool trajectory) =>
        CallMemory.Peak(_steps, request, SamplingPlan.For(Schedule, request.Sampler), (long)Network.InChannels * Side * Side, trajectory);

    private void CheckMemory(SampleRequest request, bool trajectory)
    {
        var needed = MemoryFor(request, trajectory);
        Require(needed.HostBytes, FreeMemory.OnHost(), "memory");
        if (FreeMemory.On(_device) is { } free)
            Require(needed.DeviceBytes, free, "memory of the device");

        void Require(long bytes, long there, string what)
        {
            if (bytes > there)
                throw new SamplingException(FormattableString.Invariant(
                    $"{request.Count} pictures of {Side}×{Side} pixels need {bytes / 1048576.0:0} MiB of {what}, of which {there / 1048576.0:0} MiB are free: ask for fewer at once."));
        }
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
