"""Whether a network predicts what its scheduler says it does."""

from __future__ import annotations

import torch

from tia2.errors import FinetuneError

from .model import DiffusionModel
from .noise import LOSS, generator
from .rollout import rollout
from .schedule import NoiseSchedule, signal_shares

_STEPS, _SAMPLES = 10, 4
_SIGNAL = 0.5
"""ᾱ of the noised samples: with as much signal as noise, ε and v are far apart."""
_FITS, _FAILS = 0.4, 0.6
"""Squared error over the target's own square: below the first a network knows its target, above the second it doesn't.
Trained networks come to some 0.1 on samples of theirs, random ones to 1 or more."""


def check_prediction(model: DiffusionModel) -> None:
    """Refuse a model whose network predicts ε while its scheduler says v, or v while it says ε.

    Such a model samples noise, and nothing else says why. A few samples are drawn under the scheduler's reading, noised
    to ᾱ = 0.5, and the network's output for them is compared with ε or v. Where it doesn't fit, the same is done under
    the other reading. Where neither fits, as for random weights, nothing is said.

    Args:
        model: The model, with the weights that training begins with.

    Raises:
        FinetuneError: The network fits the target that the scheduler doesn't name, and not the one it does.
    """
    declared = model.pipeline.scheduler.config.get("prediction_type", "epsilon")
    other = "v_prediction" if declared == "epsilon" else "epsilon"
    errors = _relative_errors(model, declared)
    # A network that predicts ε, read as one of v, draws samples near zero, for which both targets are nearly the noise.
    if errors[declared] <= min(_FAILS, errors[other]):
        return
    errors = _relative_errors(model, other)
    if errors[other] < min(_FITS, errors[declared]):
        raise FinetuneError(
            f"The network predicts {other} and its scheduler says {declared}: set prediction_type to {other} in "
            "scheduler/scheduler_config.json."
        )


@torch.no_grad()
def _relative_errors(model: DiffusionModel, prediction: str) -> dict[str, float]:
    """Return how far the network's output is from either target on samples that one reading of the network draws."""
    config = {**model.pipeline.scheduler.config, "prediction_type": prediction}
    random = generator(0, LOSS)
    texts = [""] * _SAMPLES
    draws = torch.randn((_SAMPLES, _STEPS + 2, *model.latent_shape), generator=random)
    schedule = NoiseSchedule.of(config, _STEPS, eta=0.0)
    clean = rollout(model, schedule, texts, draws[:, :-1], guidance=1.0, batch=_SAMPLES).finals
    shares = signal_shares(config)
    time = int((shares - _SIGNAL).abs().argmin())
    signal, spread = float(shares[time]) ** 0.5, float(1 - shares[time]) ** 0.5
    noise = draws[:, -1]
    times = torch.full((_SAMPLES,), time, device=model.device)
    sample = (signal * clean + spread * noise).to(model.device)
    output = model.predict(sample, times, model.embed(texts), 1.0).cpu()
    targets = {"epsilon": noise, "v_prediction": signal * noise - spread * clean}
    return {kind: float((output - target).square().mean() / target.square().mean()) for kind, target in targets.items()}
