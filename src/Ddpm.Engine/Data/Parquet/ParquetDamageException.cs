namespace Ddpm.Engine.Data.Parquet;

/// <summary>A parquet file cannot be read. The message completes the sentence that its file's name begins.</summary>
internal sealed class ParquetDamageException(string message, Exception? innerException = null) : Exception(message, innerException);
