using Xunit.Sdk;
using Xunit.v3;

// Each test has processes of its own that compute: side by side they would only slow each other down.
[assembly: Parallelization(Mode = ParallelMode.None)]
