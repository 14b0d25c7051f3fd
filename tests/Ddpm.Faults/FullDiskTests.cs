using Ddpm.Faults.Clusters;
using Ddpm.TestSupport;

namespace Ddpm.Faults;

[Trait("Category", "faults")]
public sealed class FullDiskTests
{
    [Fact]
    public async Task FullDisk_FailsWhatMustWriteToIt_WithAReason_AndNothingIsTornOrLeft()
    {
        FullDiskReport report;
        try
        {
            report = await FullDisk.RunAsync(PostgresFixture.RequirePrograms(), lease: TimeSpan.FromSeconds(6), rounds: 1);
        }
        catch (MountRefusedException refused)
        {
            Assert.Skip(refused.Message);
            throw;
        }

        Assert.Empty(report.Violations);
        Assert.True(report.Failed > 0);
    }
}
