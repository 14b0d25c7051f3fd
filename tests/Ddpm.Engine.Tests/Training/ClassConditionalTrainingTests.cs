using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Tests.Data;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Training;

public sealed class ClassConditionalTrainingTests : TrainerRuns
{
    private static TrainingConfig Plain => Config with { WeightDecay = 0, EmaDecay = 0, WarmupSteps = 0 }; // what gets no gradient does not move

    [Theory, InlineData(0.0, null), InlineData(0.5, 2)]
    public void Checkpoint_SaysWhatItsLabelsStandFor(double dropout, int? nullClass)
    {
        using var dataset = SmallDataset.OfClasses(Folder["classes"], 10, "dogs", "cats");
        var checkpoint = Train(Config with { LabelDropout = dropout }, "run", dataset: dataset, network: Network(nullClass is null ? 2 : 3)).Checkpoint!;
        var model = DiffusersFolder.Open(checkpoint.Folder);
        Assert.Equal(["cats", "dogs"], model.Classes!.Names);
        Assert.Equal((nullClass, model.Network.NumClassEmbeds), (model.Classes.NullClass, model.Classes.Labels));
    }

    [Theory]
    [InlineData(0.0, "0, 1")] // the label of each picture
    [InlineData(1.0, "2")] // none but the null class
    [InlineData(0.5, "0, 1, 2")]
    public void Embeddings_OfTheLabelsThatCome_AreTheOnesThatMove(double dropout, string expected)
    {
        using var dataset = SmallDataset.OfClasses(Folder["classes"], 10, "cats", "dogs");
        using var trainer = Make(Plain with { LabelDropout = dropout }, "run", dataset, Network(dropout == 0 ? 2 : 3));
        var before = Rows(trainer);
        trainer.Run(new Recorder(), CancellationToken.None);
        Assert.Equal(expected, string.Join(", ", Rows(trainer).Index().Where(row => row.Item != before[row.Index]).Select(row => row.Index)));
    }

    [Fact]
    public void Run_EndsInTheSameWeights_WhenItWasStoppedAndResumed()
    {
        using var dataset = SmallDataset.OfClasses(Folder["classes"], 10, "cats", "dogs");
        var config = Config with { LabelDropout = 0.3 };
        var whole = Train(config, "whole", dataset: dataset, network: Network(3));
        using var stop = new CancellationTokenSource();
        var stopped = Train(config, "parts", new Recorder { AfterStep = step => { if (step == 5) stop.Cancel(); } }, stop: stop, dataset: dataset, network: Network(3));
        AssertSameCheckpoint(whole.Checkpoint!.Folder, Train(config, "parts", resumeFrom: stopped.Checkpoint!.Folder, dataset: dataset, network: Network(3)).Checkpoint!.Folder);
    }

    [Fact]
    public void Previews_ShowClassAfterClass()
    {
        using var dataset = SmallDataset.OfClasses(Folder["classes"], 10, "cats", "dogs");
        var recorder = new Recorder();
        using var trainer = Make(Config with { LabelDropout = 0.1, PreviewEverySteps = 10, PreviewImages = 3 }, "run", dataset, Network(3));
        var checkpoint = trainer.Run(recorder, CancellationToken.None).Checkpoint!;
        using var model = DiffusionModel.Load(checkpoint.Folder, CPU);
        var request = new SampleRequest { Count = 3, Seed = Config.Seed, Sampler = Config.PreviewSampler, ClassLabels = [0, 1, 0] };
        Assert.Equal(model.Sample(request, null, CancellationToken.None).Pixels, Assert.Single(recorder.Previews).Images.Pixels);
    }

    [Fact]
    public void Pictures_WithoutAClass_AreTheNullClass_OrAreRefusedWhereThereIsNone()
    {
        using var dataset = SmallDataset.OfClasses(Folder["classes"], 9, "cats", null, "dogs");
        Assert.Contains("3 of 9 pictures have no class", Refusal(Config, Network(2), dataset), StringComparison.Ordinal);
        using var trainer = Make(Plain with { LabelDropout = 1e-9 }, "run", dataset, Network(3));
        var before = Rows(trainer);
        trainer.Run(new Recorder(), CancellationToken.None);
        Assert.NotEqual(before[2], Rows(trainer)[2]);
    }

    [Fact]
    public void Trainer_SaysWhatDoesNotFit()
    {
        using var dataset = SmallDataset.OfClasses(Folder["classes"], 4, "cats", "dogs");
        Assert.Contains("the dataset has none", Refusal(Config, Network(2), Dataset), StringComparison.Ordinal);
        Assert.Contains("num_class_embeds is 2; the dataset has 2 classes, which makes 3 with the null class", Refusal(Config with { LabelDropout = 0.1 }, Network(2), dataset), StringComparison.Ordinal);
        Assert.Contains("num_class_embeds is 3; the dataset has 2 classes, which makes 2.", Refusal(Config, Network(3), dataset), StringComparison.Ordinal);
        Assert.Contains("LabelDropout is above 0", Refusal(Config with { LabelDropout = 0.1 }, TinyModel.Network, dataset), StringComparison.Ordinal);
        Assert.Contains("LabelDropout is 1.1; 0 to 1 is accepted", Refusal(Config with { LabelDropout = 1.1 }, Network(3), dataset), StringComparison.Ordinal);
    }

    private static UNetConfig Network(int labels) => TinyModel.Network with { NumClassEmbeds = labels };

    private string Refusal(TrainingConfig config, UNetConfig network, ImageDataset dataset) =>
        Assert.Throws<TrainingException>(() => Make(config, "run", dataset, network).Dispose()).Message;

    // Each label's embedding.
    private static List<string> Rows(Trainer trainer)
    {
        using var scope = NewDisposeScope();
        var table = trainer.Networks.Parameters.Single(parameter => parameter.Name == "class_embedding.weight").Value.detach();
        return [.. Enumerable.Range(0, (int)table.shape[0]).Select(row => Convert.ToHexString(table[row].clone().bytes))];
    }
}
