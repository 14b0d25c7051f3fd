namespace Ddpm.Engine.Sampling.Steps;

/// <summary>A picture on its way from noise.</summary>
/// <param name="image">What is drawn.</param>
/// <param name="index">Which of its request.</param>
/// <param name="watch">Sees its steps; null for nobody.</param>
internal sealed class RunningImage(ImageToDraw image, int index, StepWatch? watch = null)
{
    public ImageToDraw Image { get; } = image;

    public int Index { get; } = index;

    public StepWatch? Watch { get; } = watch;

    /// <summary>Steps taken: the row of its table that comes next.</summary>
    public int Step { get; set; }

    public int Steps { get; } = image.Plan.Steps.Count;

    public bool IsDone => Step == Steps;

    public SamplingStep Row => Image.Plan.Steps[Step];

    /// <summary>Whether the network is asked twice a step, with the class and without.</summary>
    public bool IsGuided { get; } = image.GuidanceScale != 1 && image.ClassLabel is not null;

    /// <summary>Whether any step keeps something for later ones.</summary>
    public bool Remembers { get; } = image.Plan.Steps.Any(row => row.Memory != default);

    /// <summary>x, <c>[channels, height, width]</c>, where the steps are done on the host; null before the first.</summary>
    public float[]? Sample { get; set; }

    /// <summary>What the last three steps kept, the newest first, where the steps are done on the host.</summary>
    public float[]?[] History { get; } = new float[]?[3];

    /// <summary>Its place among the pictures on a device; below 0 before it has one.</summary>
    public int Slot { get; set; } = -1;
}
