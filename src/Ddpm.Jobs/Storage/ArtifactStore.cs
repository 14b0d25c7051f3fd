using System.Buffers;
using System.Security.Cryptography;

namespace Ddpm.Jobs.Storage;

/// <summary>Files beside the rows: pictures, datasets, checkpoints. A key is a relative path with forward slashes.</summary>
/// <remarks>What is visible under a key is complete, also after a loss of power: files and folders are made elsewhere below the root, flushed and renamed into place.</remarks>
public sealed class ArtifactStore
{
    private const string Staging = ".staging";
    private const int BytesBetweenLooks = 4 << 20;

    private readonly string _root;
    private readonly DiskSpace? _disk;

    /// <param name="root">Folder of the artifacts; made if it is not there.</param>
    /// <param name="disk">Asked now and then while a stream is written, whose length nobody may have known; null for nobody.</param>
    public ArtifactStore(string root, DiskSpace? disk = null)
    {
        _disk = disk;
        _root = Path.GetFullPath(root);
        Directory.CreateDirectory(Path.Combine(_root, Staging));
    }

    /// <summary>The file or folder that <paramref name="key"/> names, whether or not it is there.</summary>
    /// <exception cref="ArgumentException">The key is not a relative path below the root.</exception>
    public string PathOf(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        var parts = key.Split('/');
        if (parts.Any(part => part is "" or "." or ".." || part.AsSpan().ContainsAny('\\', ':', '\0')) || parts[0] == Staging)
            throw new ArgumentException($"'{key}' is not an artifact key: a relative path with forward slashes, without '.' or '..'.", nameof(key));
        return Path.Combine(_root, Path.Combine(parts));
    }

    /// <summary>Whether a file or folder is there.</summary>
    public bool Exists(string key) => Path.Exists(PathOf(key));

    /// <summary>Keys of the files and folders directly below a folder that were last changed before a moment; none where there is no folder.</summary>
    /// <param name="folder">Its key.</param>
    /// <param name="changedBefore">UTC; null for all.</param>
    public IReadOnlyList<string> List(string folder, DateTime? changedBefore = null)
    {
        var path = new DirectoryInfo(PathOf(folder));
        return path.Exists
            ? [.. path.EnumerateFileSystemInfos().Where(entry => changedBefore is null || entry.LastWriteTimeUtc < changedBefore).Select(entry => $"{folder}/{entry.Name}")]
            : [];
    }

    /// <summary>Opens a file for reading; the caller disposes it.</summary>
    /// <exception cref="FileNotFoundException">There is no such artifact.</exception>
    public Stream OpenRead(string key)
    {
        try
        {
            return new FileStream(PathOf(key), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        }
        catch (DirectoryNotFoundException missing)
        {
            throw new FileNotFoundException($"There is no artifact '{key}'.", missing);
        }
    }

    /// <summary>Writes a file, replacing the one before, and returns its size and hash. Nobody sees it half-written.</summary>
    /// <exception cref="DiskFullException">There is no room left; nothing of it stays.</exception>
    public async Task<StoredFile> WriteAsync(string key, Stream content, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        var target = PathOf(key);
        var temporary = Path.Combine(_root, Staging, Path.GetRandomFileName());
        try
        {
            var stored = await CopyAsync(content, temporary, cancellationToken);
            Durable.Move(temporary, target);
            return stored;
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Writes a file, replacing the one before, and returns its size and hash. Nobody sees it half-written.</summary>
    public async Task<StoredFile> WriteAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        using var stream = new MemoryStream(content.ToArray(), writable: false);
        return await WriteAsync(key, stream, cancellationToken);
    }

    /// <summary>Writes a small file, replacing the one before, from a thread that does not await. Nobody sees it half-written.</summary>
    public void Write(string key, ReadOnlySpan<byte> content)
    {
        var target = PathOf(key);
        var temporary = Path.Combine(_root, Staging, Path.GetRandomFileName());
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                file.Write(content);
            }

            Durable.Move(temporary, target);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Makes an empty folder in which something is put together before <see cref="Publish"/>; the maker deletes or publishes it.</summary>
    /// <returns>Its absolute path, on the same file system as the artifacts.</returns>
    public string CreateStaging() => Directory.CreateDirectory(Path.Combine(_root, Staging, Path.GetRandomFileName())).FullName;

    /// <summary>Flushes a finished folder or file to the disk and moves it to its key.</summary>
    /// <exception cref="IOException">There is something at the key already.</exception>
    public void Publish(string stagingPath, string key)
    {
        var target = PathOf(key);
        if (File.Exists(target)) // a folder there is refused by the system
            throw new IOException($"There is an artifact '{key}' already.");
        Durable.Move(stagingPath, target);
    }

    /// <summary>Deletes a file, or a folder with all that is in it; does nothing where there is none. Several may do so at once.</summary>
    /// <remarks>A folder is first renamed out of sight, so that nobody finds half of it.</remarks>
    public void Delete(string key)
    {
        var path = PathOf(key);
        try
        {
            if (File.Exists(path))
            {
                File.Delete(path);
                return;
            }

            if (!Directory.Exists(path))
                return;
            var hidden = Path.Combine(_root, Staging, Path.GetRandomFileName());
            Directory.Move(path, hidden);
            DeleteFolder(hidden);
        }
        catch (DirectoryNotFoundException)
        {
            // Another was faster.
        }
    }

    /// <summary>Deletes whatever lies beside an artifact in its folder: what earlier attempts at it have left.</summary>
    public void DeleteOthers(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        foreach (var other in List(key[..key.LastIndexOf('/')]).Where(other => other != key))
            Delete(other);
    }

    /// <summary>The time by the clock of the file system, by which it says when a file was changed; that of this process may be off, or another machine's (UTC).</summary>
    public DateTime Now()
    {
        var probe = new FileInfo(Path.Combine(_root, Staging, Path.GetRandomFileName()));
        probe.Create().Dispose();
        probe.Refresh();
        var now = probe.LastWriteTimeUtc;
        probe.Delete();
        return now;
    }

    /// <summary>Deletes what interrupted work has left in staging for longer than <paramref name="age"/>.</summary>
    public void DeleteAbandonedStaging(TimeSpan age)
    {
        var now = Now();
        foreach (var entry in new DirectoryInfo(Path.Combine(_root, Staging)).EnumerateFileSystemInfos())
        {
            if (now - entry.LastWriteTimeUtc < age)
                continue;
            if (entry is DirectoryInfo folder)
                DeleteFolder(folder.FullName);
            else
                entry.Delete();
        }
    }

    // Others may be deleting it, too: to a sweeper an old folder that was just renamed is as one that was given up long ago.
    private static void DeleteFolder(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
        }
    }

    private async Task<StoredFile> CopyAsync(Stream content, string path, CancellationToken cancellationToken)
    {
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 17);
        try
        {
            int read;
            var unlooked = 0;
            while ((read = await content.ReadAsync(buffer, cancellationToken)) > 0)
            {
                if ((unlooked += read) > BytesBetweenLooks)
                {
                    unlooked = 0;
                    _disk?.Require(0, "What is being written");
                }

                sha256.AppendData(buffer, 0, read);
                await file.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return new StoredFile(file.Length, Convert.ToHexStringLower(sha256.GetHashAndReset()));
    }
}

/// <summary>A file that was written.</summary>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">SHA-256 of its content, lower-case hexadecimal.</param>
public sealed record StoredFile(long Bytes, string Sha256);
