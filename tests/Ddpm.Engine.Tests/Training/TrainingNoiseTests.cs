using Ddpm.Engine.Sampling;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Training;

public sealed class TrainingNoiseTests
{
    public TrainingNoiseTests() => TorchRuntime.Initialize();

    [Fact]
    public void Labels_AreLeftOutAsOftenAsAsked_AndAlwaysTheSameOnes()
    {
        var labels = Enumerable.Repeat(1L, 20_000).ToArray();
        var drawn = TrainingNoise.Labels(seed: 7, batch: 3, labels, dropout: 0.1, nullClass: 5);
        Assert.InRange(drawn.Count(label => label == 5), 2000 - 170, 2000 + 170); // four standard deviations
        Assert.All(drawn, label => Assert.True(label is 1 or 5));
        Assert.Equal(drawn, TrainingNoise.Labels(7, 3, labels, 0.1, 5));
        Assert.Equal(drawn[..100], TrainingNoise.Labels(7, 3, labels[..100], 0.1, 5)); // a picture's place decides, not who else is there
        Assert.NotEqual(drawn, TrainingNoise.Labels(7, 4, labels, 0.1, 5));
        Assert.NotEqual(drawn, TrainingNoise.Labels(8, 3, labels, 0.1, 5));
    }

    [Theory, InlineData(0.0, new[] { 0L, 1, 2 }), InlineData(1.0, new[] { 2L, 2, 2 })]
    public void Labels_OfPicturesWithoutAClass_AreTheNullClass(double dropout, long[] expected) => Assert.Equal(expected, TrainingNoise.Labels(1, 0, [0, 1, -1], dropout, 2));

    [Fact]
    public void Labels_StayAsTheyAre_WithoutANullClass() => Assert.Equal([0, 1, 0], TrainingNoise.Labels(1, 0, [0, 1, 0], 0, null));

    [Fact]
    public void Normal_IsTheNoiseOfEachPlace_WhateverElseIsInTheBatch()
    {
        using var scope = NewDisposeScope();
        var drawn = TrainingNoise.Normal(seed: 5, batch: 9, [3, 1, 5, 7], CPU);
        Assert.Equal([3, 1, 5, 7], drawn.shape);
        var place = new float[35];
        for (var n = 0; n < 3; n++)
        {
            PhiloxNoise.Fill(5, (uint)n, 9, place, NoisePurpose.TrainingNoise);
            Assert.Equal(place, drawn[n].flatten().data<float>().ToArray());
        }
    }
}
