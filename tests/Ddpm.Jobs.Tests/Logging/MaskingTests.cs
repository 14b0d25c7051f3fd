using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Logging;

namespace Ddpm.Jobs.Tests.Logging;

public sealed class MaskingTests
{
    [Theory]
    [InlineData("Host=db;Username=ddpm;Password=tea for two;Database=d", "Host=db;Username=ddpm;Password=***;Database=d")]
    [InlineData("Host=db;Password = tea for two;Database=d", "Host=db;Password = ***;Database=d")]
    [InlineData("Host=db;psw=tea;Database=d", "Host=db;psw=***;Database=d")]
    [InlineData("Host=db;password=\"tea;two\";Database=d", "Host=db;password=***;Database=d")]
    [InlineData("\"Authorization: Bearer abcdefgh0123\"", "\"Authorization: Bearer ***\"")]
    [InlineData("HF_TOKEN is hf_abcdefghijklmnopqrstuv.", "HF_TOKEN is hf_***.")]
    [InlineData("Cookie: ddpm-session=CfDJ8A-b_c; a=b", "Cookie: ddpm-session=***; a=b")]
    [InlineData("ddpm_queue_depth of the model faces-32 in /data/ddpm.db", "ddpm_queue_depth of the model faces-32 in /data/ddpm.db")]
    public void Secrets_AreMasked_AndNothingElse(string line, string written) => Assert.Equal(written, MaskingFormatter.Mask(line));

    [Fact]
    public void Key_IsMasked_ButForTheCharactersByWhichItIsKnown()
    {
        var key = KeyText.Create();
        Assert.Equal($"/samples?key={KeyText.PrefixOf(key)}***&x=1", MaskingFormatter.Mask($"/samples?key={key}&x=1"));
    }
}
