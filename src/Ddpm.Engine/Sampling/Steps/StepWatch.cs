namespace Ddpm.Engine.Sampling.Steps;

/// <summary>Sees steps that pictures take.</summary>
/// <param name="Wants">Which; asked first, since to show one may mean to copy it from a device.</param>
/// <param name="See">Told of those. Must not throw: the picture has moved.</param>
internal sealed record StepWatch(Func<int, bool> Wants, StepObserver See);
