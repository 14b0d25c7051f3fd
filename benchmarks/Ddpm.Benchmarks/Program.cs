using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using Ddpm.Benchmarks;

if (args is [DatasetMemory.Name, var folder, .. var part])
    return await DatasetMemory.RunAsync(folder, part.FirstOrDefault());
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, ManualConfig.Create(DefaultConfig.Instance).WithOptions(ConfigOptions.DisableLogFile));
return 0;
