using System.CommandLine;
using System.CommandLine.Help;
using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Training;
using Ddpm.Jobs.Logging;
using Ddpm.Worker.Hub;

namespace Ddpm.Cli.CommandLine;

/// <summary>Runs a command line and turns its end into an exit status: 0 done, 1 failed, 2 not understood, 130 interrupted.</summary>
internal static class CommandRunner
{
    public const int Failed = 1;
    public const int NotUnderstood = 2;

    public static int Run(RootCommand root, IReadOnlyList<string> args)
    {
        var parsed = root.Parse(args);
        if (parsed.CommandResult.Command is { Action: null, Subcommands.Count: > 0 } group && parsed.UnmatchedTokens.Count == 0 && parsed.Action is not HelpAction)
        {
            group.Parse("--help").Invoke();
            return NotUnderstood;
        }

        if (parsed.Errors.Count > 0 && parsed.Action is not HelpAction)
        {
            foreach (var error in parsed.Errors)
                Console.Error.WriteLine($"ddpm: {error.Message}");
            return NotUnderstood;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (Exception exception) when (IsForItsUser(exception))
        {
            Console.Error.WriteLine($"ddpm: {exception.Message}");
            return Failed;
        }
        catch (OperationCanceledException)
        {
            return Interruption.ExitCode;
        }
    }

    // Anything else is a fault of this program and ends it with its stack trace.
    private static bool IsForItsUser(Exception exception) => exception is UserErrorException or StartRefusedException or HubException or DatasetException or CheckpointException or TrainingException or SamplingException or EvaluationException
        or UNetConfigException or TorchRuntimeException or ImageDecodeException or IOException or UnauthorizedAccessException;
}

/// <summary>What was asked cannot be done; the message says why in one line.</summary>
internal sealed class UserErrorException(string message) : Exception(message);
