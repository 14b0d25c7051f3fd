namespace Ddpm.Cli.Tests;

/// <summary>What a person gets to read who asks for what cannot be done.</summary>
[Trait("Category", "services")]
public sealed class BadInputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("train nowhere --out x", "nowhere")]
    [InlineData("dataset info hub:a/b --hub-url http://127.0.0.1:1", "The hub at http://127.0.0.1:1 cannot be reached: Connection refused")]
    [InlineData("dataset info hub:a/b --hub-url nonsense", "--hub-url) is 'nonsense'")]
    [InlineData("dataset info hub:nonsense/with/slashes", "owner/name is accepted")]
    [InlineData("train . --out x --resolution 7", "--resolution")]
    [InlineData("train . --out x --channels 32,3", "--channels")]
    [InlineData("train . --out x --max-time soon", "1s to 365d")]
    [InlineData("train . --out x --label-dropout 1.5", "--label-dropout")]
    [InlineData("train . --out x --precision float8", "float32, bfloat16, float16")]
    [InlineData("sample . --sampler pndm", "--sampler")]
    [InlineData("sample nowhere", "faces-32")]
    [InlineData("sample faces-32 --sampler dpmsolver++ --steps 1000", "1 to 999")]
    [InlineData("sample faces-32 --count 5 --rows 2 --columns 2", "--rows")]
    [InlineData("sample faces-32 --count 1 --steps 1 --rows 10000 --columns 10000", "320000×320000")]
    [InlineData("sample faces-32 --clip-sample maybe", "--clip-sample")]
    [InlineData("sample faces-32 --precision float64", "--precision is 'float64'")]
    [InlineData("sample faces-32 --precision tfloat32 --device cpu", "--precision is tfloat32, which only a GPU has")]
    [InlineData("bench forward --precision half", "--precision: The precision is 'half'")]
    [InlineData("bench forward --model faces-32 --baseline nowhere.pt", "--baseline: there is no file 'nowhere.pt'")]
    [InlineData("bench forward --model faces-32 --baseline /bin/sh", "--baseline: '/bin/sh' cannot be loaded")]
    [InlineData("bench parity", "--fixtures")]
    [InlineData("bench noise --batch 2", "bench noise takes no --batch")]
    [InlineData("bench training --precision bfloat16", "bench training takes no --precision")]
    [InlineData("bench memory --batch 2,3", "bench memory takes one --batch, not 2")]
    [InlineData("bench memory --steps 51", "--steps is 51; at most 50")]
    [InlineData("bench all --steps 51", "--steps is 51; at most 50")]
    [InlineData("bench service --url ftp://127.0.0.1", "--url is 'ftp://127.0.0.1'")]
    [InlineData("bench juggling", "juggling")]
    [InlineData("sample faces-32 --seed 1 --seed 2", "--seed")]
    [InlineData("sample faces-32 --strength 0.5", "--from")]
    [InlineData("sample faces-32 --from nowhere.png", "--from 'nowhere.png'")]
    [InlineData("sample faces-32 --from . --strength 1.5", "--strength is '1.5'")]
    [InlineData("sample faces-32 --count 10000 --trajectory t.webp", "--trajectory: An animation of 50 frames")]
    [InlineData("interpolate faces-32", "--to-seed")]
    [InlineData("interpolate faces-32 --from a.png", "--from and --to")]
    [InlineData("interpolate faces-32 --to-seed 1 --strength 0.5", "--strength needs")]
    [InlineData("interpolate faces-32 --to-seed 1 --sampler ddpm", "ddim with eta 0")]
    [InlineData("inpaint faces-32 a.png", "--mask or --box")]
    [InlineData("inpaint faces-32 nowhere.png --box 0,0,8,8", "'nowhere.png' is not there")]
    [InlineData("inpaint faces-32 a.png --box 0,0,8", "--box")]
    [InlineData("inpaint faces-32 a.png --box 0,0,8,8 --resamplings 0", "--resamplings")]
    [InlineData("serve --urls http://0.0.0.0:1", "ddpm key add")]
    [InlineData("key add --account me", "--role")]
    [InlineData("key add --account Me --role read", "Me")]
    [InlineData("key add --account me --role king", "king")]
    [InlineData("key add --account me --role read --expires soon", "--expires")]
    [InlineData("key revoke ddpm_nothing", "ddpm_nothing")]
    [InlineData("model info nowhere", "faces-32")]
    [InlineData("model info .", "unet/config.json")]
    [InlineData("model export faces-32", "--out")]
    [InlineData("model import faces-32", "--out or --server")]
    [InlineData("model import faces-32 --server http://127.0.0.1:1", "--name")]
    [InlineData("model import faces-32 --server nonsense --name a", "http://127.0.0.1:5080")]
    [InlineData("model import faces-32 --server http://127.0.0.1:1 --name a", "http://127.0.0.1:1: Connection refused")]
    [InlineData("evaluate --model faces-32", "--dataset")]
    [InlineData("evaluate --model nowhere --dataset .", "faces-32")]
    [InlineData("evaluate --model faces-32 --dataset nowhere", "nowhere")]
    [InlineData("evaluate --model faces-32 --dataset . --metrics is", "swd")]
    [InlineData("evaluate --model faces-32 --dataset . --metrics fid", "fid or kid, which need --features")]
    [InlineData("evaluate --model faces-32 --dataset . --terms 1", "--terms")]
    [InlineData("evaluate --model faces-32 --dataset . --images 2", "--images")]
    [InlineData("frobnicate", "frobnicate")]
    public void BadInput_IsRefusedInOneLineThatNamesIt(string arguments, string named)
    {
        var (status, _, errors) = Tool.Run(_folder.Path, arguments.Split(' '));
        Assert.NotEqual(0, status);
        Assert.Contains(named, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
