using Ddpm.Jobs.Storage;
using Ddpm.TestSupport;
using Microsoft.Extensions.Options;

namespace Ddpm.Jobs.Tests.Storage;

public sealed class DiskSpaceTests : IDisposable
{
    private const long MoreThanAnyDisk = 1L << 60;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void RequireIn_AsksTheDiskOfTheFolder_AlsoOneThatIsNotThereYet_AndNotTheBudgetOfArtifacts()
    {
        var space = SpaceWith(new DiskOptions { MaxBytes = 1, ReserveBytes = 0 });

        space.RequireIn(_folder.At("hub", "models"), 2, "The download");

        var full = Assert.Throws<DiskFullException>(() => space.RequireIn(_folder.At("hub", "models"), MoreThanAnyDisk, "The download"));
        Assert.StartsWith("The download needs about", full.Message, StringComparison.Ordinal);
        Assert.Throws<DiskFullException>(() => space.Require(2, "The upload"));
    }

    [Fact]
    public void RequireIn_LeavesTheReserve() =>
        Assert.Contains("Storage:ReserveBytes", Assert.Throws<DiskFullException>(
            () => SpaceWith(new DiskOptions { ReserveBytes = MoreThanAnyDisk }).RequireIn(_folder.Path, 1, "The download")).Message, StringComparison.Ordinal);

    [Fact]
    public void Hold_TakesOfTheBudget_UntilItIsDisposed()
    {
        var space = SpaceWith(new DiskOptions { MaxBytes = 100, ReserveBytes = 0 });
        using (var held = space.Hold("Expanding the archive"))
        {
            held.Require(30);
            held.Require(30);
            Assert.StartsWith("Expanding the archive needs about", Assert.Throws<DiskFullException>(() => held.Require(50)).Message, StringComparison.Ordinal);
            Assert.Equal(60, space.Usage().UsedBytes);
        }

        Assert.Equal(0, space.Usage().UsedBytes);
    }

    private DiskSpace SpaceWith(DiskOptions options) => new(
        new StorageOptions { DataRoot = _folder.Path, ArtifactRoot = _folder.Path, Provider = DatabaseProvider.Sqlite, ConnectionString = "" }, Options.Create(options), TimeProvider.System);
}
