using System.Reflection;
using System.Text.Json;

namespace Ddpm.Api.Tests;

public sealed class ClosureTests
{
    [Fact]
    public void Api_NeverReachesTorch_HoweverFarItsReferencesAreFollowed()
    {
        var seen = new HashSet<string>();
        var open = new Stack<Assembly>([typeof(ApiEndpoints).Assembly]);
        while (open.TryPop(out var assembly))
        {
            foreach (var reference in assembly.GetReferencedAssemblies().Where(reference => seen.Add(reference.Name!)))
            {
                if (File.Exists(Path.Combine(AppContext.BaseDirectory, $"{reference.Name}.dll")))
                    open.Push(Assembly.Load(reference));
            }
        }

        Assert.Contains("Ddpm.Jobs", seen);
        Assert.DoesNotContain(seen, IsTorch);
    }

    [Fact]
    public void Api_DeploysNoTorch_WithItsPackages()
    {
        using var deps = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Ddpm.Api.deps.json")));
        var libraries = deps.RootElement.GetProperty("libraries").EnumerateObject().Select(library => library.Name).ToList();
        Assert.Contains(libraries, name => name.StartsWith("Ddpm.Jobs/", StringComparison.Ordinal));
        Assert.DoesNotContain(libraries, IsTorch);
        Assert.DoesNotContain(Directory.EnumerateFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories).Select(path => Path.GetFileName(path)), IsTorch);
    }

    private static bool IsTorch(string name) =>
        name.Contains("torch", StringComparison.OrdinalIgnoreCase) || name.StartsWith("Ddpm.Engine", StringComparison.Ordinal) || name.StartsWith("Skia", StringComparison.Ordinal);
}
