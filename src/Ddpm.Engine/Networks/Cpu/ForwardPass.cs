namespace Ddpm.Engine.Networks.Cpu;

/// <summary>What all operations of a forward pass share: the threads, the memory and how many pictures there are.</summary>
/// <param name="team">Borrowed.</param>
/// <param name="capacity">Pictures that blocks are made for.</param>
internal sealed unsafe class ForwardPass(WorkTeam team, int capacity) : IDisposable
{
    private readonly (nint Block, long Floats)[] _scratch = new (nint, long)[team.Size];

    /// <summary>Pictures that blocks are made for.</summary>
    public int Capacity => capacity;

    /// <summary>The threads.</summary>
    public WorkTeam Team => team;

    /// <summary>The memory.</summary>
    public Workspace Space { get; } = new();

    /// <summary>Pictures of this pass; at most the capacity.</summary>
    public int Pictures { get; set; }

    /// <summary>Memory that has been taken from the system.</summary>
    public long Bytes => Space.Bytes + _scratch.Sum(slot => slot.Floats * sizeof(float));

    /// <summary>Takes activations for <see cref="Pictures"/> pictures; they hold anything.</summary>
    public Activations Take(int channels, int height, int width) =>
        new((nint)Space.Take((long)capacity * channels * height * width), channels, height, width);

    /// <summary>Gives activations back.</summary>
    public void Return(Activations activations) => Space.Return((float*)activations.Data, (long)capacity * activations.PictureSize);

    /// <summary>Memory of one thread for the length of a piece of work; it holds anything.</summary>
    public float* Scratch(int member, long floats)
    {
        ref var slot = ref _scratch[member];
        if (slot.Floats < floats)
        {
            Workspace.Free((float*)slot.Block);
            slot = ((nint)Workspace.Allocate(floats), floats);
        }

        return (float*)slot.Block;
    }

    /// <summary>Splits work on so many equal items so that every thread has several pieces, none smaller than it is worth.</summary>
    /// <returns>How many pieces.</returns>
    public int Pieces(int items, long floatsOfItem)
    {
        const int WorthIt = 8192;
        var most = (int)Math.Min(items, ((items * floatsOfItem) + WorthIt - 1) / WorthIt);
        return Math.Clamp(most, 1, 4 * team.Size);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Space.Dispose();
        foreach (var (block, _) in _scratch)
            Workspace.Free((float*)block);
    }
}
