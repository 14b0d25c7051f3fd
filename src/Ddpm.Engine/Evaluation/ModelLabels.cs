using Ddpm.Engine.Data;

namespace Ddpm.Engine.Evaluation;

/// <summary>The classes of a dataset's pictures as a class-conditional model numbers them: by their names where the model knows those, else by the dataset's own numbers.</summary>
internal static class ModelLabels
{
    /// <param name="model">Borrowed.</param>
    /// <param name="dataset">Borrowed.</param>
    /// <param name="indices">Pictures of the dataset.</param>
    /// <returns>A label for each; null for a model without classes.</returns>
    /// <exception cref="EvaluationException">A picture has no class that the model knows, and the model none for such.</exception>
    public static int[]? Of(DiffusionModel model, ImageDataset dataset, IEnumerable<int> indices) =>
        model.Network.NumClassEmbeds is null ? null : [.. indices.Select(index => LabelOf(model, dataset, dataset.LabelOf(index)))];

    private static int LabelOf(DiffusionModel model, ImageDataset dataset, int label)
    {
        if (label < 0)
            return model.Classes?.NullClass ?? throw new EvaluationException("The model is class-conditional, and the dataset has pictures without a class, which it was not trained for.");
        if (model.Classes is not { } classes)
            return label < model.Network.NumClassEmbeds
                ? label
                : throw new EvaluationException($"The dataset has {dataset.Classes.Count} classes, the model {model.Network.NumClassEmbeds}.");
        for (var known = 0; known < classes.Names.Count; known++)
            if (classes.Names[known] == dataset.Classes[label])
                return known;
        throw new EvaluationException($"The dataset has the class '{dataset.Classes[label]}', which the model does not know; it knows {string.Join(", ", classes.Names.Take(10))}{(classes.Names.Count > 10 ? ", …" : "")}.");
    }
}
