using System.Diagnostics;

namespace Ddpm.Cli.Tests;

/// <summary>What a person gets to read who asks for what cannot be done.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ddpm-cli-").FullName;

    [Theory]
    [InlineData("train nowhere --out x", "nowhere")]
    [InlineData("train . --out x --resolution 7", "--resolution")]
    [InlineData("sample . --sampler euler", "--sampler")]
    [InlineData("serve --urls http://0.0.0.0:1", "--urls")]
    [InlineData("sample faces-32 --sampler dpmsolver++ --steps 1000", "at most 999")]
    [InlineData("sample faces-32 --count 5 --rows 2 --columns 2", "--rows")]
    [InlineData("train . --out x --channels 32,3", "--channels")]
    [InlineData("frobnicate", "frobnicate")]
    public void BadInput_IsRefusedInOneLineThatNamesIt(string arguments, string named)
    {
        var (status, _, errors) = Ddpm(arguments);
        Assert.NotEqual(0, status);
        Assert.Contains(named, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private (int Status, string Output, string Errors) Ddpm(string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", $"\"{Path.Combine(AppContext.BaseDirectory, "ddpm.dll")}\" {arguments}")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
