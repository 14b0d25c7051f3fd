namespace Ddpm.Engine.Networks.Cpu;

/// <summary>What all operations of a forward pass share: the threads, the memory and how many pictures there are.</summary>
/// <param name="team">Borrowed.</param>
/// <param name="capacity">Pictures that blocks are made for.</param>
internal sealed unsafe class ForwardPass(WorkTeam team, int capacity) : IDisposable
{
    private const long WorthSharing = 8192; // floats that are normalised and activated in about the time that handing them over takes

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
            slot = default; // where there is no memory for more
            slot = ((nint)Workspace.Allocate(floats), floats);
        }

        return (float*)slot.Block;
    }

    /// <summary>Does an operation's pieces on all threads, or on this one where sharing out would cost more than it saves.</summary>
    /// <param name="pieces">Numbered from 0.</param>
    /// <param name="floats">What all of them read or write.</param>
    /// <param name="work">Does one: its number, and the number of the thread that does it.</param>
    public void Share(int pieces, long floats, Action<int, int> work)
    {
        if (floats >= WorthSharing)
            team.Run(pieces, work);
        else
            for (var piece = 0; piece < pieces; piece++)
                work(piece, 0);
    }

    /// <summary>Into how many pieces to cut so many equal items, so that every thread has several and none is smaller than it is worth.</summary>
    public int Pieces(int items, long floatsOfItem)
    {
        var most = (int)Math.Min(items, ((items * floatsOfItem) + WorthSharing - 1) / WorthSharing);
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
