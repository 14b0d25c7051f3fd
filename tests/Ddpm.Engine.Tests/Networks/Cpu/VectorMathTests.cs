using System.Runtime.Intrinsics;
using Ddpm.Engine.Networks.Cpu;

namespace Ddpm.Engine.Tests.Networks.Cpu;

public sealed class VectorMathTests
{
    [Fact]
    public void Exp_IsWithinTwoUnitsInTheLastPlace()
    {
        Assert.SkipUnless(MatrixKernels.AreSupported, "This CPU, or this system, lacks AVX-512.");
        for (var x = -87f; x < 88; x += 0.0137f)
        {
            var expected = Math.Exp(x);
            Assert.InRange(VectorMath.Exp(Vector512.Create(x))[3], (float)(expected * (1 - 2.4e-7)), (float)(expected * (1 + 2.4e-7)));
        }
    }

    [Theory]
    [InlineData(-1000f, 0f), InlineData(float.NegativeInfinity, 0f), InlineData(1000f, float.PositiveInfinity), InlineData(0f, 1f)]
    public void Exp_EndsInNothingAndInfinity(float x, float expected)
    {
        Assert.SkipUnless(MatrixKernels.AreSupported, "This CPU, or this system, lacks AVX-512.");
        Assert.Equal(expected, VectorMath.Exp(Vector512.Create(x))[0], 1e-40f);
    }

    [Fact]
    public void Silu_OfWhatIsNotANumber_IsNotANumber()
    {
        Assert.SkipUnless(MatrixKernels.AreSupported, "This CPU, or this system, lacks AVX-512.");
        Assert.True(float.IsNaN(VectorMath.Silu(Vector512.Create(float.NaN))[0]));
    }
}
