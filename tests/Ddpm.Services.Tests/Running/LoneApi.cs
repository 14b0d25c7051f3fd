using Ddpm.TestSupport;

namespace Ddpm.Services.Tests.Running;

/// <summary>An API without a worker, over a folder of its own, for all tests of a class.</summary>
public sealed class LoneApi : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private RunningProgram? _program;

    /// <summary>Where it listens.</summary>
    internal Uri Address { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _program = RunningProgram.Start(ServicePrograms.Api, ["--Data:Root", _folder.At("data"), "--urls", "http://127.0.0.1:0"], [], _folder.Path);
        Address = await _program.UntilListeningAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_program is not null)
            await _program.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>What it printed, for the report of a failed test.</summary>
    internal string Describe() => _program!.Describe();
}
