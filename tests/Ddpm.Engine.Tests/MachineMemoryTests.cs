namespace Ddpm.Engine.Tests;

public sealed class MachineMemoryTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    public MachineMemoryTests() => Write("proc/meminfo", "MemTotal:       24683656 kB\nMemFree:        1000 kB\n");

    [Fact]
    public void Bytes_AreNoFewerThanTheRuntimeGives() => Assert.InRange(MachineMemory.Bytes, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, 1L << 50);

    [Theory]
    [InlineData("0::/", "memory.max", "max", 24683656L * 1024)]
    [InlineData("0::/", "memory.max", "1000000", 1000000)]
    [InlineData("0::/system.slice/ddpm.service", "system.slice/ddpm.service/memory.max", "1000000", 1000000)]
    [InlineData("0::/system.slice/ddpm.service", "system.slice/memory.max", "1000000", 1000000)]
    [InlineData("9:name=systemd:/\n4:memory:/docker/1", "memory/memory.limit_in_bytes", "1000000", 1000000)] // a container sees its own at the top
    [InlineData("4:memory:/docker/1", "memory/docker/1/memory.limit_in_bytes", "9223372036854771712", 24683656L * 1024)]
    [InlineData("3:cpuset:/docker/1", "memory/memory.limit_in_bytes", "1000000", 24683656L * 1024)]
    public void Read_TakesTheLeastOfMachineAndGroups(string groups, string file, string limit, long expected)
    {
        Write("proc/self/cgroup", groups + "\n");
        Write($"sys/fs/cgroup/{file}", limit + "\n");

        Assert.Equal(expected, MachineMemory.Read(_root.Path));
    }

    [Fact]
    public void Read_SaysNothing_WhereNothingIsSaid()
    {
        using var empty = new TemporaryFolder();
        Assert.Null(MachineMemory.Read(empty.Path));
    }

    public void Dispose() => _root.Dispose();

    private void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_root[path])!);
        File.WriteAllText(_root[path], text);
    }
}
