using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Ddpm.Api.Http;

/// <summary>A multipart/form-data body with one file, which has been streamed into the artifact store, and some fields, in any order.</summary>
/// <remarks>Disposing deletes the file, unless <see cref="KeepIfSavedAsync"/> left it.</remarks>
internal sealed class MultipartUpload : IDisposable
{
    private const string FilePart = "file";
    private const int MaxFieldBytes = 64 * 1024;
    private const int OfTheReader = unchecked((int)0x80131620); // an IOException's own code: those of the disk carry the system's
    private const int MaxParts = 32;
    private const int LongestTitle = 200;
    private const int LongestBoundary = 70; // RFC 2046, section 5.1.1

    private readonly ArtifactStore _artifacts;
    private readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal);
    private StoredFile? _file;
    private bool _kept;

    private MultipartUpload(ArtifactStore artifacts) => _artifacts = artifacts;

    /// <summary>Artifact key of the file.</summary>
    public string Key { get; } = $"uploads/{Guid.CreateVersion7()}";

    /// <summary>The name the sender's file had; null where it did not say.</summary>
    public string? FileName { get; private set; }

    /// <summary>The file's name without folders and endings, fit for a title.</summary>
    public string Title
    {
        get
        {
            var name = string.Concat((FileName ?? "").Replace('\\', '/').Split('/')[^1].Where(c => !char.IsControl(c)));
            var title = name.Split('.')[0].Trim();
            return title.Length switch
            {
                0 => "upload",
                <= LongestTitle => title,
                _ => title[..(char.IsHighSurrogate(title[LongestTitle - 1]) ? LongestTitle - 1 : LongestTitle)],
            };
        }
    }

    /// <summary>Absolute path of the file.</summary>
    public string Path => _artifacts.PathOf(Key);

    /// <summary>SHA-256 of the fields and the file, whatever their order.</summary>
    public string Sha256
    {
        get
        {
            var fields = _fields.OrderBy(pair => pair.Key, StringComparer.Ordinal).SelectMany(pair => new[] { pair.Key, pair.Value });
            return Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(fields.Append(_file!.Sha256))));
        }
    }

    public static bool IsMultipart(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads the whole body. The file never lies in memory.</summary>
    /// <exception cref="RequestProblem">It is too large, broken, or without a file; nothing is left on disk then.</exception>
    public static async Task<MultipartUpload> ReceiveAsync(
        HttpRequest request, ArtifactStore artifacts, long maxBytes, CancellationToken cancellationToken)
    {
        if (request.ContentLength > maxBytes)
            throw TooLarge(maxBytes);
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = null; // Counted here instead, so that the answer can say which setting it is.

        request.HttpContext.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout(); // it may take hours; the server ends one that does not get on

        var upload = new MultipartUpload(artifacts);
        try
        {
            await upload.ReadAsync(request, maxBytes, cancellationToken);
            return upload;
        }
        catch (Exception exception) when (exception is InvalidDataException or IOException { InnerException: null, HResult: OfTheReader } and not BadHttpRequestException)
        {
            upload.Dispose();
            throw new RequestProblem(StatusCodes.Status400BadRequest, "The body cannot be read as multipart/form-data.", exception.Message);
        }
        catch
        {
            upload.Dispose();
            throw;
        }
    }

    /// <summary>The fields as JSON of the given type: what reads as JSON where the field is not a string, and everything else as a string.</summary>
    public byte[] FieldsAsJson<T>(JsonSerializerOptions options)
    {
        var properties = options.GetTypeInfo(typeof(T)).Properties.ToDictionary(property => property.Name);
        var json = new JsonObject();
        foreach (var (name, value) in _fields)
            json[name] = properties.TryGetValue(name, out var property) && property.PropertyType == typeof(string) ? value : Literal(value);
        return Encoding.UTF8.GetBytes(json.ToJsonString());
    }

    /// <summary>Has a row saved that refers to the file, which stays if it was saved.</summary>
    /// <param name="save">Saves it; says whether it did, or an earlier request had. Not to be cancelled.</param>
    /// <remarks>It also stays where the database's answer is lost, and nobody knows: a file that no row names is swept.</remarks>
    public async Task<T> KeepIfSavedAsync<T>(Func<Task<(T Made, bool IsNew)>> save)
    {
        _kept = true;
        try
        {
            (var made, _kept) = await save();
            return made;
        }
        catch (Exception refusal) when (refusal is RequestProblem || !DatabaseErrors.IsUnanswered(refusal))
        {
            _kept = false;
            throw;
        }
    }

    public void Dispose()
    {
        if (!_kept)
            _artifacts.Delete(Key);
    }

    private async Task ReadAsync(HttpRequest request, long maxBytes, CancellationToken cancellationToken)
    {
        var boundary = HeaderUtilities.RemoveQuotes(MediaTypeHeaderValue.Parse(request.ContentType).Boundary);
        if (boundary.Length == 0)
            throw new InvalidDataException("The Content-Type names no boundary; let your HTTP library write this header (with curl: -F).");

        if (boundary.Length > LongestBoundary)
            throw new InvalidDataException($"The boundary that the Content-Type names is longer than {LongestBoundary} characters.");

        using var body = new LimitedStream(request.Body, maxBytes, () => TooLarge(maxBytes));
        var reader = new MultipartReader(boundary.Value!, body);
        for (var part = 1; await reader.ReadNextSectionAsync(cancellationToken) is { } section; part++)
        {
            if (part > MaxParts)
                throw new InvalidDataException($"There are more than {MaxParts} parts.");
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition) || disposition.Name.Length == 0)
                throw new InvalidDataException("A part has no name.");
            var name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
            if (name == FilePart)
                await ReceiveFileAsync(section, disposition, cancellationToken);
            else if (!_fields.TryAdd(name, await ReadFieldAsync(section, name, cancellationToken)))
                throw new InvalidDataException($"The field '{name}' is there twice.");
        }

        if (_file is null)
            throw new RequestProblem(
                StatusCodes.Status400BadRequest, "There is no file", "The form needs a part named 'file' (with curl: -F file=@pictures.zip).");
    }

    private async Task ReceiveFileAsync(MultipartSection section, ContentDispositionHeaderValue disposition, CancellationToken cancellationToken)
    {
        if (_file is not null)
            throw new InvalidDataException("There are two parts named 'file'; put all pictures into one archive.");
        FileName = HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName).Value;
        if (string.IsNullOrEmpty(FileName))
            throw new InvalidDataException("The part named 'file' is text, not a file (with curl: -F file=@pictures.zip, mind the @).");
        _file = await _artifacts.WriteAsync(Key, section.Body, cancellationToken);
        if (_file.Bytes == 0)
            throw new InvalidDataException($"The file '{FileName}' is empty.");
    }

    private static async Task<string> ReadFieldAsync(MultipartSection section, string name, CancellationToken cancellationToken)
    {
        using var limited = new LimitedStream(
            section.Body, MaxFieldBytes, () => new InvalidDataException($"The field '{name}' is longer than {MaxFieldBytes} bytes."));
        using var text = new StreamReader(limited, new UTF8Encoding(false, throwOnInvalidBytes: true));
        try
        {
            return await text.ReadToEndAsync(cancellationToken);
        }
        catch (DecoderFallbackException)
        {
            throw new InvalidDataException($"The field '{name}' is not valid UTF-8.");
        }
    }

    private static JsonNode? Literal(string value)
    {
        try
        {
            var literal = JsonNode.Parse(value);
            literal?.ToJsonString(); // escapes are looked at no earlier: "\ud800" is no text
            return literal;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return value;
        }
    }

    private static RequestProblem TooLarge(long maxBytes) => new(
        StatusCodes.Status413PayloadTooLarge,
        "The upload is too large",
        $"An upload may have at most {maxBytes} bytes ({maxBytes / (double)(1 << 20):0.#} MiB). Send fewer or smaller pictures, "
        + "or raise the setting Datasets:MaxUploadBytes (environment: Datasets__MaxUploadBytes).");
}
