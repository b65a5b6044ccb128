"""The noise schedule of a sampling run: which steps are taken, and how much noise each of them adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import torch

from tia2.errors import FinetuneError

if TYPE_CHECKING:
    from torch import Tensor

Prediction = Literal["epsilon", "v_prediction"]


@dataclass(frozen=True)
class NoiseSchedule:
    """The steps of a DDIM run, first (noisiest) to last, as float64 tensors of shape (steps,).

    A step takes x_t to x_t′ = μ + σz with standard normal z. With ᾱ and ᾱ′ the shares of signal before and after it:

        σ = η √((1 − ᾱ′)/(1 − ᾱ) · (1 − ᾱ/ᾱ′)),   μ = √ᾱ′ x₀ + √(1 − ᾱ′ − σ²) ε

    Attributes:
        timesteps: The network's time at each step, whole numbers.
        alpha: ᾱ before each step.
        alpha_next: ᾱ after it.
        sigma: σ; with η = 1 the noise of DDPM.
        prediction: The network's target, "epsilon" or "v_prediction".
        eta: η, the share of DDPM's noise.
    """

    timesteps: Tensor
    alpha: Tensor
    alpha_next: Tensor
    sigma: Tensor
    prediction: Prediction
    eta: float

    @classmethod
    def of(cls, config: Mapping[str, Any], steps: int, eta: float = 1.0) -> NoiseSchedule:
        """Read the schedule out of a scheduler's configuration, whichever scheduler the pipeline ships.

        Args:
            config: The configuration of a diffusers scheduler, as in `scheduler/scheduler_config.json`.
            steps: The number of denoising steps.
            eta: η, above 0 for a policy, since a step without noise has no probability; 0 for sampling alone.

        Returns:
            The schedule of `DDIMScheduler.from_config(config)` with this many steps.

        Raises:
            FinetuneError: The configuration can't be sampled as a policy: it clips or thresholds latents, predicts
                neither ε nor v, or has a step without noise.

        Example:
            >>> config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
            ...           "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
            >>> NoiseSchedule.of(config, steps=5).timesteps.tolist()
            [801, 601, 401, 201, 1]
        """
        from diffusers import DDIMScheduler

        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise FinetuneError(f"The number of denoising steps must be a whole number of at least 1, got {steps!r}.")
        if not 0 <= eta <= 1:
            raise FinetuneError(f"eta must lie between 0 (no noise) and 1 (as much as DDPM), got {eta!r}.")
        _check_latents_stay(config)
        prediction = config.get("prediction_type", "epsilon")
        if prediction not in ("epsilon", "v_prediction"):
            raise FinetuneError(
                f"The scheduler's prediction_type is {prediction!r}; a policy needs 'epsilon' or 'v_prediction'."
            )
        scheduler = DDIMScheduler.from_config({**config, "clip_sample": False})
        if steps > scheduler.config.num_train_timesteps:
            raise FinetuneError(
                f"{steps} denoising steps are more than the {scheduler.config.num_train_timesteps} that the model "
                "knows."
            )
        scheduler.set_timesteps(steps)
        timesteps = scheduler.timesteps.to(torch.int64).cpu()
        following = timesteps - scheduler.config.num_train_timesteps // steps
        cumulative = scheduler.alphas_cumprod.double()
        alpha = cumulative[timesteps]
        alpha_next = torch.where(
            following >= 0, cumulative[following.clamp(min=0)], torch.as_tensor(scheduler.final_alpha_cumprod).double()
        )
        variance = (1 - alpha_next) / (1 - alpha) * (1 - alpha / alpha_next)
        sigma = eta * variance.clamp(min=0).sqrt()
        if eta > 0 and not bool((sigma > 0).all()):
            raise FinetuneError(
                f"Step {int((sigma <= 0).nonzero()[0])} of {steps} adds no noise, so its probability isn't defined: "
                f"the scheduler's steps_offset is {scheduler.config.steps_offset} and set_alpha_to_one "
                f"{scheduler.config.set_alpha_to_one}. Expected steps_offset=1 and set_alpha_to_one=false, as Stable "
                "Diffusion ships."
            )
        return cls(timesteps, alpha, alpha_next, sigma, prediction, float(eta))

    def __len__(self) -> int:
        return len(self.timesteps)

    @cached_property
    def gain(self) -> Tensor:
        """How far each step's mean moves for a change of the network's output by one: |∂μ/∂output|, shape (steps,).

        With direction d = √(1 − ᾱ′ − σ²): ε: |d − √ᾱ′ √(1 − ᾱ)/√ᾱ|; v: |d √ᾱ − √ᾱ′ √(1 − ᾱ)|.
        """
        direction = (1 - self.alpha_next - self.sigma**2).clamp(min=0).sqrt()
        if self.prediction == "epsilon":
            return (direction - (self.alpha_next * (1 - self.alpha) / self.alpha).sqrt()).abs()
        return (direction * self.alpha.sqrt() - (self.alpha_next * (1 - self.alpha)).sqrt()).abs()

    @cached_property
    def sensitivity(self) -> Tensor:
        """|∂μ/∂output| / σ, shape (steps,): its square is a step's share of the path KL for equal changes of output."""
        return self.gain / self.sigma


def signal_shares(config: Mapping[str, Any]) -> Tensor:
    """Return ᾱ at each of the network's times, float64, shape (times,).

    Args:
        config: The configuration of a diffusers scheduler.
    """
    from diffusers import DDIMScheduler

    cumulative: Tensor = DDIMScheduler.from_config({**config, "clip_sample": False}).alphas_cumprod
    return cumulative.double()


def _check_latents_stay(config: Mapping[str, Any]) -> None:
    # DDIMScheduler clips to ±1 where the key is missing, which ruins latents; schedulers that never clip, such as
    # PNDM's, do not write it.
    clips = config.get("clip_sample", config.get("_class_name") in (None, "DDIMScheduler", "DDPMScheduler"))
    if clips:
        cause = "clip_sample is missing, which means true" if "clip_sample" not in config else "clip_sample is true"
        raise FinetuneError(f"The scheduler would clip latents to ±1: {cause}. Set clip_sample to false in its config.")
    if config.get("thresholding"):
        raise FinetuneError(
            "The scheduler would threshold latents, which is meant for pixels: set thresholding to false."
        )
