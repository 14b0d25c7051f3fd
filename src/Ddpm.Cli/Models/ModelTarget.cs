using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Checkpoints;

namespace Ddpm.Cli.Models;

/// <summary>The file or folder that a model is written to: made beside its place and renamed, so that it is whole or not there.</summary>
internal sealed class ModelTarget
{
    private readonly string _path;

    /// <exception cref="UserErrorException">Something is there that may not be replaced.</exception>
    public ModelTarget(string path, bool replace)
    {
        _path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (_path == Path.TrimEndingDirectorySeparator(Directory.GetCurrentDirectory()))
            throw new UserErrorException($"--out is '{path}', the folder you are in; name one that can be made anew.");
        var isFolder = Directory.Exists(_path);
        if (!replace && (File.Exists(_path) || (isFolder && Directory.EnumerateFileSystemEntries(_path).Any())))
            throw new UserErrorException($"--out is '{path}', which is there already; name another place, or add --force to replace it.");
        if (isFolder && Stray() is { } stray)
            throw new UserErrorException($"--out is '{path}', which holds other things than a model, such as {stray}; --force replaces a model only.");
    }

    /// <param name="make">Writes the file or folder at the path it is given.</param>
    public void Write(Action<string> make)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        var partial = $"{_path}.{Guid.NewGuid():N}.partial";
        try
        {
            make(partial);
            Delete(_path);
            if (Directory.Exists(partial))
                Directory.Move(partial, _path);
            else
                File.Move(partial, _path);
        }
        finally
        {
            Delete(partial);
        }
    }

    private string? Stray() => Directory.EnumerateFiles(_path, "*", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(_path, file).Replace('\\', '/')).FirstOrDefault(file => !DiffusersFolder.Files.Contains(file));

    private static void Delete(string path)
    {
        if (Directory.Exists(path))
            Directory.Delete(path, recursive: true);
        else
            File.Delete(path);
    }
}
