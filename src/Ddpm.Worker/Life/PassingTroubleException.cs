namespace Ddpm.Worker.Life;

/// <summary>What a job needs cannot be had at this moment, and nothing says that it is damaged or gone: the attempt is given up like one whose worker died, and the job is done again.</summary>
internal sealed class PassingTroubleException(string message, Exception innerException) : Exception(message, innerException);
