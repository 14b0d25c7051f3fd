using System.IO.Compression;
using System.Text;

namespace Ddpm.TestSupport;

/// <summary>Writes what <c>torch.jit.save</c> would write of a module without weights.</summary>
public static class TorchScriptFile
{
    /// <param name="path">Made or replaced.</param>
    /// <param name="body">The lines of <c>forward(self, x: Tensor) -> Tensor</c>.</param>
    public static string Write(string path, params string[] body)
    {
        using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
        Add("features/data.pkl", [0x80, 2, .. "c__torch__\nFeatures\n"u8, .. ")"u8, 0x81, .. "}X"u8, 8, 0, 0, 0, .. "training"u8, 0x89, .. "sb."u8]);
        Add("features/code/__torch__.py", Encoding.ASCII.GetBytes(
            "class Features(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n  def forward(self: __torch__.Features,\n    x: Tensor) -> Tensor:\n"
            + string.Concat(body.Select(line => $"    {line}\n"))));
        Add("features/constants.pkl", [0x80, 2, .. ")."u8]);
        Add("features/version", "3\n"u8.ToArray());
        return path;

        void Add(string name, byte[] content)
        {
            using var entry = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
            entry.Write(content);
        }
    }
}
