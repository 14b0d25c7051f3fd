namespace Ddpm.Hostile.Reading;

/// <summary>A folder that is gone when it is disposed.</summary>
internal sealed class Scratch : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("ddpm-hostile-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
