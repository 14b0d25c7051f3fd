using Ddpm.Faults;
using Xunit.Runner.InProc.SystemConsole;

// The tests, or the long form: `Ddpm.Faults long --out FILE [--kills N] [--seed N]`.
return args is ["long", ..] ? await LongForm.RunAsync(args[1..]) : await ConsoleRunner.Run(args);
