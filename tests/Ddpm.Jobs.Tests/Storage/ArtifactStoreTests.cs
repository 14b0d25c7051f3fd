using System.Security.Cryptography;
using Ddpm.Jobs.Storage;
using Ddpm.TestSupport;

namespace Ddpm.Jobs.Tests.Storage;

public sealed class ArtifactStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ArtifactStore _store;

    public ArtifactStoreTests() => _store = new ArtifactStore(_folder.At("artifacts"));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("/etc/passwd")]
    [InlineData("../outside")]
    [InlineData("a/../../outside")]
    [InlineData("a//b")]
    [InlineData("a/./b")]
    [InlineData("a/")]
    [InlineData("..\\outside")]
    [InlineData("C:/windows")]
    [InlineData(".staging/x")]
    public void PathOf_Refuses_WhenTheKeyIsNotBelowTheRoot(string key) => Assert.Throws<ArgumentException>(() => _store.PathOf(key));

    [Fact]
    public async Task WriteAsync_ReturnsSizeAndHash_OfWhatCanThenBeRead()
    {
        var content = RandomNumberGenerator.GetBytes(300_000);

        var stored = await _store.WriteAsync("a/b.bin", content, TestContext.Current.CancellationToken);

        Assert.Equal(new StoredFile(content.Length, Convert.ToHexStringLower(SHA256.HashData(content))), stored);
        await using var stream = _store.OpenRead("a/b.bin");
        using var read = new MemoryStream();
        await stream.CopyToAsync(read, TestContext.Current.CancellationToken);
        Assert.Equal(content, read.ToArray());
    }

    [Fact]
    public async Task WriteAsync_LeavesTheOldFileAndNothingElse_WhenTheSourceBreaks()
    {
        await _store.WriteAsync("a.bin", "old"u8.ToArray(), TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<IOException>(() => _store.WriteAsync("a.bin", new BreakingStream(), TestContext.Current.CancellationToken));

        Assert.Equal("old", await File.ReadAllTextAsync(_store.PathOf("a.bin"), TestContext.Current.CancellationToken));
        Assert.Equal(["a.bin"], Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Publish_ShowsAFolderWhole_AndRefusesToReplaceOne()
    {
        var staging = _store.CreateStaging();
        await File.WriteAllTextAsync(Path.Combine(staging, "one"), "1", TestContext.Current.CancellationToken);
        Assert.False(_store.Exists("runs/7"));

        _store.Publish(staging, "runs/7");

        Assert.True(_store.Exists("runs/7/one"));
        Assert.False(Directory.Exists(staging));
        Assert.ThrowsAny<IOException>(() => _store.Publish(_store.CreateStaging(), "runs/7"));
    }

    [Fact]
    public async Task Delete_TakesAFolderAway_AndNothingBesideIt()
    {
        await _store.WriteAsync("runs/7/a", "1"u8.ToArray(), TestContext.Current.CancellationToken);
        await _store.WriteAsync("runs/8/a", "1"u8.ToArray(), TestContext.Current.CancellationToken);

        _store.Delete("runs/7");
        _store.Delete("runs/9");

        Assert.False(_store.Exists("runs/7"));
        Assert.True(_store.Exists("runs/8/a"));
    }

    [Fact]
    public void OpenRead_NamesTheKey_WhenThereIsNoSuchFile() =>
        Assert.Throws<FileNotFoundException>(() => _store.OpenRead("no/such/file"));

    [Fact]
    public void DeleteAbandonedStaging_KeepsWhatIsYoung()
    {
        var staging = _store.CreateStaging();

        _store.DeleteAbandonedStaging(TimeSpan.FromHours(1));
        Assert.True(Directory.Exists(staging));

        Directory.SetLastWriteTimeUtc(staging, DateTime.UtcNow.AddHours(-2));
        _store.DeleteAbandonedStaging(TimeSpan.FromHours(1));
        Assert.False(Directory.Exists(staging));
    }

    private sealed class BreakingStream : MemoryStream
    {
        private bool _broken;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_broken)
                throw new IOException("The line went dead.");
            _broken = true;
            return ValueTask.FromResult(10);
        }
    }
}
