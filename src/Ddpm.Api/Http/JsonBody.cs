using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Ddpm.Api.Http;

/// <summary>A request's JSON, read and checked field by field. No body at all reads as <c>{}</c>.</summary>
/// <param name="Value">What was asked; every value is within its declared range.</param>
/// <param name="Sha256">Of the bytes received.</param>
internal sealed record JsonBody<T>(T Value, string Sha256)
{
    public static async ValueTask<JsonBody<T>> BindAsync(HttpContext context)
    {
        var options = context.RequestServices.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions;
        return await JsonBody.ReadAsync<T>(context.Request, options, "application/json");
    }
}

/// <inheritdoc cref="JsonBody{T}"/>
internal static class JsonBody
{
    private const int UsualMaxBytes = 1 << 20;

    private const int MaxDepth = 32;

    /// <param name="request">Its body is consumed.</param>
    /// <param name="options">How JSON is read.</param>
    /// <param name="accepted">Content types to name where another was sent.</param>
    public static async Task<JsonBody<T>> ReadAsync<T>(HttpRequest request, JsonSerializerOptions options, params string[] accepted)
    {
        var most = typeof(T).GetCustomAttribute<BodyLimitAttribute>()?.MaxBytes ?? UsualMaxBytes;
        var bytes = await ReadBytesAsync(request, most, accepted);
        return new(Parse<T>(bytes, options), Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    private static async Task<byte[]> ReadBytesAsync(HttpRequest request, int most, string[] accepted)
    {
        if (request.ContentLength > most)
            throw TooLarge(most);
        using var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        while (await request.Body.ReadAsync(chunk, request.HttpContext.RequestAborted) is > 0 and var read)
        {
            if (!IsJson(request.ContentType))
                throw UnsupportedMediaType(request, accepted); // the rest is not read
            if (buffer.Length + read > most)
                throw TooLarge(most);
            buffer.Write(chunk, 0, read);
        }

        return buffer.ToArray();
    }

    /// <exception cref="RequestProblem">The text is not JSON, or not of this shape.</exception>
    public static T Parse<T>(byte[] bytes, JsonSerializerOptions options)
    {
        var faults = new Faults();
        var json = WithoutByteOrderMark(bytes);
        if (!Utf8.IsValid(json.Span))
            throw Malformed("The body is not valid UTF-8.");
        try
        {
            using var document = JsonDocument.Parse(
                json.IsEmpty ? "{}"u8.ToArray() : json, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
            var type = (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                faults.Add("", $"the body must be a JSON object; it is {JsonValues.Show(document.RootElement)}");
            else
                JsonFaults.Collect(document.RootElement, type, "", faults);
            faults.ThrowIfAny();
            return document.RootElement.Deserialize(type)!;
        }
        catch (JsonException exception)
        {
            throw Malformed($"The body is not valid JSON{Position(exception)}: {Reason(exception)}");
        }
        catch (InvalidOperationException exception) when (exception is not ObjectDisposedException)
        {
            // The reader's answer to an escaped half of a surrogate pair, which passes its syntax check.
            throw Malformed("The body holds an escape such as \\ud800 that is not a character.");
        }
    }

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
        && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase))
        && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
            || type.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase));

    private static RequestProblem UnsupportedMediaType(HttpRequest request, string[] accepted) => new(
        StatusCodes.Status415UnsupportedMediaType,
        "Unsupported content type",
        $"The body came {(string.IsNullOrEmpty(request.ContentType) ? "without a Content-Type" : $"as {request.ContentType}")}; "
        + $"send {string.Join(" or ", accepted)} (with curl: -H 'Content-Type: application/json').");

    private static RequestProblem TooLarge(int most) => new(
        StatusCodes.Status413PayloadTooLarge, "The body is too large", $"A JSON body may have at most {most} bytes.");

    private static RequestProblem Malformed(string detail) => new(StatusCodes.Status400BadRequest, "The body cannot be read as JSON.", detail);

    private static ReadOnlyMemory<byte> WithoutByteOrderMark(byte[] bytes) =>
        bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsMemory(3) : bytes;

    private static string Position(JsonException exception) =>
        exception.LineNumber is { } line ? $" at line {line + 1}, byte {exception.BytePositionInLine + 1}" : "";

    // The position stands at the end of the message too, counted from zero.
    private static string Reason(JsonException exception)
    {
        var end = exception.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return PlainText.Of(end < 0 ? exception.Message : exception.Message[..end]);
    }
}

/// <summary>Lets the JSON of a record be larger, or only smaller, than 1 MiB.</summary>
/// <param name="maxBytes">Most bytes of the body.</param>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class BodyLimitAttribute(int maxBytes) : Attribute
{
    public int MaxBytes { get; } = maxBytes;
}
