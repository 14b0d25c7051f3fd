using Ddpm.Jobs.Storage;

namespace Ddpm.Jobs.Tests;

public sealed class ReferenceTests
{
    [Fact]
    public void Jobs_KnowNeitherTorchNorTheWeb() => Assert.DoesNotContain(
        typeof(DdpmDbContext).Assembly.GetReferencedAssemblies(),
        assembly => assembly.Name!.StartsWith("TorchSharp", StringComparison.Ordinal)
            || assembly.Name.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal));
}
