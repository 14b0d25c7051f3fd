using System.CommandLine;
using Ddpm.Api.Keys;
using Ddpm.Cli.Bench;
using Ddpm.Cli.CommandLine;
using Ddpm.Cli.Datasets;
using Ddpm.Cli.Evaluation;
using Ddpm.Cli.Models;
using Ddpm.Cli.Sampling;
using Ddpm.Cli.Serving;
using Ddpm.Cli.Training;

var root = new RootCommand("Trains denoising diffusion models (DDPM, Ho et al. 2020) on your pictures and serves them over REST.")
{
    TrainCommand.Create(),
    ServeCommand.Create(),
    KeyCommand.Create(),
    SampleCommand.Create(),
    InterpolateCommand.Create(),
    InpaintCommand.Create(),
    EvaluateCommand.Create(),
    ModelCommands.Create(),
    DatasetCommands.Create(),
    BenchCommand.Create(),
    TestCommand.Create(),
};
return CommandRunner.Run(root, args);
