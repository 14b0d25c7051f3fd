using Ddpm.Services.Tests.Running;
using Ddpm.TestSupport;

namespace Ddpm.Services.Tests.Serving;

/// <summary>Tests of <c>ddpm serve</c>: everything in one process, which may end and start again in the same folder.</summary>
public abstract class ServeTests : ServiceTests
{
    /// <summary>Settings that make a test shorter: every step is recorded.</summary>
    private static readonly Dictionary<string, string> Settings = new()
    {
        ["Worker__Device"] = "cpu",
        ["Worker__ProgressInterval"] = "00:00:00.010",
        ["Serilog__MinimumLevel__Override__Serilog.AspNetCore"] = "Warning", // not every request
    };

    private protected string Data => Folder.At("data");

    private protected async Task<(RunningProgram Program, DdpmClient Client)> ServeAsync()
    {
        var program = Start(ServicePrograms.Cli, ["serve", "--urls", "http://127.0.0.1:0", "--data", Data], Settings);
        return (program, new DdpmClient(await program.UntilListeningAsync()));
    }

    /// <summary>The API alone over the same folder: it shows what the rows say while nobody works on them.</summary>
    private protected async Task<(RunningProgram Program, DdpmClient Client)> LookAsync()
    {
        var program = Start(ServicePrograms.Api, ["--Data:Root", Data, "--urls", "http://127.0.0.1:0"], Settings);
        return (program, new DdpmClient(await program.UntilListeningAsync()));
    }
}
