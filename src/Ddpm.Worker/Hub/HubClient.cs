using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ddpm.Worker.Hub;

/// <summary>
/// Files of a hub that answers as https://huggingface.co does, downloaded into a cache by commit. A download that was interrupted goes on where
/// it stopped; every file is checked against the size and the hash that the hub lists, and has its name only when it is whole.
/// </summary>
public sealed partial class HubClient : IDisposable
{
    private const int MaxFiles = 100_000;
    private const int MaxEntries = 2 * MaxFiles; // folders too
    private const int MaxAnswerBytes = 32 << 20;
    private const string Partial = ".partial";

    private readonly HubOptions _options;
    private readonly HubHttp _http;
    private readonly Action<long>? _makeRoom;

    /// <param name="options">Where the hub is and how much is taken.</param>
    /// <param name="clock">For the pauses between attempts.</param>
    /// <param name="makeRoom">Told before a download how many bytes it will have; throws where they do not fit. Null for no such look.</param>
    public HubClient(HubOptions options, TimeProvider clock, Action<long>? makeRoom = null)
        : this(options, clock, Dns.GetHostAddressesAsync, makeRoom)
    {
    }

    internal HubClient(HubOptions options, TimeProvider clock, Func<string, CancellationToken, Task<IPAddress[]>> resolve, Action<long>? makeRoom = null) =>
        (_options, _http, _makeRoom) = (options, new HubHttp(options, clock, new HubDoor(options, resolve)), makeRoom);

    /// <summary>Brings files of a repository into the cache.</summary>
    /// <param name="repository">Whose.</param>
    /// <param name="choose">Which of all its files; throws <see cref="HubException"/> where they are not what is needed.</param>
    /// <param name="progress">Hears the fraction of bytes that are there, from 0 to 1.</param>
    /// <param name="cancellationToken">Stops it; what has come stays for the next time.</param>
    /// <returns>A folder in which the files lie under their paths. Others of the same commit may lie there too.</returns>
    /// <exception cref="HubException">The hub cannot be reached, refuses, or gives something else than it lists.</exception>
    public async Task<HubSnapshot> FetchAsync(
        HubRepository repository, Func<IReadOnlyList<HubFile>, IReadOnlyList<HubFile>> choose, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        using var whole = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        whole.CancelAfter(_options.MaxTime);
        try
        {
            return await FetchAllAsync(repository, choose, progress, whole.Token);
        }
        catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HubException($"The files of {repository} have not come within {_options.MaxTime} (Hub:MaxTime). What has come is kept; asking again goes on with it.", late);
        }
    }

    private async Task<HubSnapshot> FetchAllAsync(
        HubRepository repository, Func<IReadOnlyList<HubFile>, IReadOnlyList<HubFile>> choose, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        repository.Check();
        var commit = await CommitOfAsync(repository, cancellationToken);
        var files = choose(await ListAsync(repository, commit, cancellationToken));
        var total = files.Sum(file => (double)file.Bytes);
        if (total > _options.MaxBytes)
            throw new HubException($"The files of {repository} have {total:N0} bytes together; at most {_options.MaxBytes:N0} are downloaded (Hub:MaxBytes).");

        var folder = Path.Combine(_options.Cache, repository.CacheName, commit);
        if (files.Sum(file => Missing(file, Path.Combine(folder, file.Path))) is var missing and > 0)
            _makeRoom?.Invoke(missing);
        var done = 0.0;
        foreach (var file in files)
        {
            var before = done;
            await DownloadAsync(repository, commit, file, Path.Combine(folder, file.Path), bytes => progress?.Report((before + bytes) / Math.Max(1, total)), cancellationToken);
            done += file.Bytes;
        }
        return new HubSnapshot(folder, commit, [.. files.Select(file => file.Path)]);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<string> CommitOfAsync(HubRepository repository, CancellationToken cancellationToken)
    {
        var (answer, _) = await AskAsync(repository, $"{repository.ApiPath}/revision/{Uri.EscapeDataString(repository.Revision)}", cancellationToken);
        return Text(answer, "sha") is { } sha && CommitRegex().IsMatch(sha) ? sha : throw NoHub();
    }

    private async Task<IReadOnlyList<HubFile>> ListAsync(HubRepository repository, string commit, CancellationToken cancellationToken)
    {
        var (files, listed) = (new List<HubFile>(), 0);
        for (var page = $"{repository.ApiPath}/tree/{commit}?recursive=true"; page is not null;)
        {
            var (answer, next) = await AskAsync(repository, page, cancellationToken);
            var entries = answer as JsonArray ?? throw NoHub();
            files.AddRange(entries.Where(entry => Text(entry, "type") == "file").Select(entry => FileOf(entry!)));
            if (files.Count > MaxFiles || (listed += entries.Count) > MaxEntries || (entries.Count == 0 && next is not null))
                throw new HubException($"The hub lists more than {MaxFiles:N0} files for {repository}.");
            page = next;
        }
        return files;
    }

    private HubFile FileOf(JsonNode entry)
    {
        var path = Text(entry, "path") ?? throw NoHub();
        if (path.Split('/').Any(part => part is "" or "." or "..") || path.AsSpan().ContainsAny('\\', ':', '\0') || path.EndsWith(Partial, StringComparison.Ordinal))
            throw new HubException($"The hub lists a file called '{path}', which cannot be stored.");
        var bytes = entry["size"] is JsonValue size && size.TryGetValue(out long number) ? number : -1;
        var sha256 = entry["lfs"] is { } lfs ? Text(lfs, "oid") ?? throw NoHub() : null;
        return bytes >= 0 && (sha256 is null || Sha256Regex().IsMatch(sha256)) ? new HubFile(path, bytes, sha256, sha256 is null ? Text(entry, "oid") : null) : throw NoHub();
    }

    // Null where the answer is another thing than the hub's: what it holds is not believed.
    private static string? Text(JsonNode? node, string key)
    {
        try
        {
            return node is JsonObject keys && keys[key] is JsonValue value && value.TryGetValue(out string? text) ? text : null;
        }
        catch (InvalidOperationException)
        {
            return null; // an escaped half of a surrogate pair
        }
    }

    private Task<(JsonNode? Answer, string? Next)> AskAsync(HubRepository repository, string path, CancellationToken cancellationToken) => _http.AttemptAsync<(JsonNode?, string?)>(
        async (token, _) =>
        {
            using var response = await _http.GetAsync(repository, path, 0, token);
            try
            {
                await response.Content.LoadIntoBufferAsync(MaxAnswerBytes, token);
                return (JsonNode.Parse(await response.Content.ReadAsStringAsync(token), documentOptions: new() { AllowDuplicateProperties = false }), NextPage(response));
            }
            catch (Exception fault) when (fault is JsonException or InvalidOperationException) // the latter of text that is not Unicode
            {
                throw new HubException(NoHub().Message, fault);
            }
        },
        cancellationToken);

    // RFC 8288: Link: <https://hub/api/…?cursor=…>; rel="next".
    private string? NextPage(HttpResponseMessage response)
    {
        var link = response.Headers.TryGetValues("Link", out var links) ? links.Select(value => LinkRegex().Match(value)).FirstOrDefault(match => match.Success) : null;
        if (link is null)
            return null;
        return Uri.TryCreate(_options.BaseUrl, link.Groups[1].Value, out var url) && _http.IsHub(url) ? url.AbsoluteUri : throw NoHub();
    }

    private async Task DownloadAsync(HubRepository repository, string commit, HubFile file, string path, Action<long> progress, CancellationToken cancellationToken)
    {
        if (await IsThereAsync(file, path, cancellationToken))
            return;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        try
        {
            await using (var partial = new FileStream(path + Partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0))
            {
                var resumed = partial.Length > 0;
                await FillAsync(repository, commit, file, partial, progress, cancellationToken);
                if (!await IsWholeAsync(file, partial, cancellationToken))
                {
                    partial.SetLength(0); // What an earlier download has left may be to blame.
                    if (resumed)
                        await FillAsync(repository, commit, file, partial, progress, cancellationToken);
                    if (!resumed || !await IsWholeAsync(file, partial, cancellationToken))
                    {
                        partial.SetLength(0);
                        throw new HubException($"{file.Path} of {repository} does not have the hash that the hub lists: it was damaged on its way, or the hub is. It has been thrown away.");
                    }
                }
                partial.Flush(flushToDisk: true);
            }
            File.Move(path + Partial, path, overwrite: true);
        }
        catch (IOException fault) when (fault.GetType() == typeof(IOException) && fault.Message.Contains("being used by another process", StringComparison.Ordinal))
        {
            throw new HubException($"{file.Path} of {repository} is being downloaded by another process; try again when it has ended.", fault);
        }
    }

    private static long Missing(HubFile file, string path) => File.Exists(path) ? 0 : file.Bytes - (File.Exists(path + Partial) ? new FileInfo(path + Partial).Length : 0);

    // It got its name when it had been checked, but may have been damaged since.
    private static async Task<bool> IsThereAsync(HubFile file, string path, CancellationToken cancellationToken)
    {
        if (!File.Exists(path) || new FileInfo(path).Length != file.Bytes)
            return false;
        await using var content = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan);
        return await IsWholeAsync(file, content, cancellationToken);
    }

    private Task<bool> FillAsync(HubRepository repository, string commit, HubFile file, FileStream partial, Action<long> progress, CancellationToken cancellationToken) => _http.AttemptAsync(
        async (token, alive) =>
        {
            if (partial.Length > file.Bytes)
                partial.SetLength(0);
            if (partial.Length == file.Bytes)
                return true;
            using var response = await _http.GetAsync(repository, repository.FilePath(commit, file.Path), partial.Length, token);
            if (response.Content.Headers.ContentRange?.From != partial.Length)
                partial.SetLength(0); // The whole file comes, or nothing that fits.
            partial.Position = partial.Length;
            if (!response.IsSuccessStatusCode)
                throw new EndOfStreamException("it gives no part of a file");

            await using var content = await response.Content.ReadAsStreamAsync(token);
            var buffer = new byte[1 << 17];
            int read;
            while ((read = await content.ReadAsync(buffer, token)) > 0)
            {
                alive();
                if (partial.Length + read > file.Bytes)
                    throw new HubException($"{file.Path} of {repository} has more bytes than the {file.Bytes:N0} that the hub lists.");
                await partial.WriteAsync(buffer.AsMemory(0, read), token);
                progress(partial.Length);
            }
            return partial.Length == file.Bytes ? true : throw new EndOfStreamException($"it ended {file.Path} after {partial.Length:N0} of {file.Bytes:N0} bytes");
        },
        cancellationToken);

    private static async Task<bool> IsWholeAsync(HubFile file, FileStream content, CancellationToken cancellationToken)
    {
        content.Position = 0;
        if (file.Sha256 is not null)
            return Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken)) == file.Sha256;
        if (file.GitBlob is null)
            return true;
#pragma warning disable CA5350 // Git's ids are SHA-1; this finds accidents, against which it is strong enough.
        using var sha1 = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        sha1.AppendData(Encoding.ASCII.GetBytes(FormattableString.Invariant($"blob {content.Length}\0")));
        var buffer = new byte[1 << 17];
        int read;
        while ((read = await content.ReadAsync(buffer, cancellationToken)) > 0)
            sha1.AppendData(buffer, 0, read);
        return Convert.ToHexStringLower(sha1.GetHashAndReset()) == file.GitBlob;
    }

    private HubException NoHub() => new($"What is at {_http.Address} does not answer as the Hugging Face hub does.");

    [GeneratedRegex(@"^[0-9a-f]{40}\z")]
    private static partial Regex CommitRegex();

    [GeneratedRegex(@"^[0-9a-f]{64}\z")]
    private static partial Regex Sha256Regex();

    [GeneratedRegex("""<([^>]+)>\s*;\s*rel="?next"?""")]
    private static partial Regex LinkRegex();
}

/// <summary>Files of a commit, in a folder.</summary>
/// <param name="Folder">Where they lie, under their paths.</param>
/// <param name="Commit">Git's id of the commit.</param>
/// <param name="Files">The paths of those that were asked for.</param>
public sealed record HubSnapshot(string Folder, string Commit, IReadOnlyList<string> Files);
