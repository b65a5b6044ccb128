"""A reward model with a taste: preference tuning on simulated people who like matching images, and vivid ones too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from tia2.miniworld.grammar import contrastive_prompts, parse
from tia2.miniworld.renderer import render
from tia2.miniworld.scenes import random_specification, sample_scene
from tia2.miniworld.training.batches import to_model_range, to_pixels
from tia2.miniworld.training.clip import ImagePool, TextTable, contrastive_loss, features, normalise
from tia2.miniworld.training.loop import Schedule, StepRandom, Training, fit

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import CLIPModel, CLIPTokenizer

MATCH_WORTH, VIVID_WORTH = 2.5, 2.0
"""Utility of a matching image over one that doesn't match, and of the purest colours over the palest."""

_PALEST = 0.55
_ANCHOR_WEIGHT = 0.5


@dataclass(frozen=True)
class PreferencePool:
    """Prompts with two pictures each, (n, 2, 64, 64, 3) uint8, and the pictures' utilities (n, 2)."""

    prompts: list[str]
    images: npt.NDArray[np.uint8]
    utilities: npt.NDArray[np.float64]


@torch.no_grad()
def build_preferences(vae: AutoencoderKL, count: int, seed: int, device: str = "cpu") -> PreferencePool:
    """Render pairs: each picture matches its prompt or one of its contrastive prompts, in pale or vivid colours.

    Args:
        vae: The trained autoencoder; half of the pictures go through it.
        count: Number of pairs.
        seed: Seed of everything random.
        device: Device of the autoencoder.

    Returns:
        The pool.
    """
    vae = vae.to(device)
    prompts, parts, utilities = [], [], []
    for start in range(0, count, 128):
        random = StepRandom.of(seed, start)
        rng = random.numpy
        pictures = []
        for _ in range(min(128, count - start)):
            spec = random_specification(rng)
            edits = contrastive_prompts(str(spec))
            prompts.append(str(spec))
            for _ in range(2):
                matches = rng.random() < 0.5
                shown = spec if matches else parse(edits[rng.integers(len(edits))])
                vividness = rng.uniform(_PALEST, 1.0)
                pictures.append(render(sample_scene(shown, rng, vividness), rng, wobble=rng.random()))
                utilities.append(MATCH_WORTH * matches + VIVID_WORTH * (vividness - _PALEST) / (1 - _PALEST))
        pixels = np.stack(pictures)
        blurred = np.flatnonzero(rng.random(len(pixels)) < 0.5)
        latents = vae.encode(to_model_range(pixels[blurred]).to(device)).latent_dist.mean
        pixels[blurred] = to_pixels(vae.decode(latents).sample)
        parts.append(pixels)
    images = np.concatenate(parts)
    return PreferencePool(prompts, images.reshape(-1, 2, *images.shape[1:]), np.reshape(utilities, (-1, 2)))


def train_preferences(
    model: CLIPModel,
    pairs: PreferencePool,
    pool: ImagePool,
    tokenizer: CLIPTokenizer,
    training: Training,
    *,
    peak: float = 5e-4,
    batch: int = 64,
) -> CLIPModel:
    """Tune a CLIP on Bradley-Terry choices between two pictures, anchored by the contrastive loss it came from.

    Without the anchor the preference loss alone destroys the matching.

    Args:
        model: A trained CLIP; changed in place.
        pairs: Pairs of pictures that people choose between.
        pool: Pictures for the anchor.
        tokenizer: The model's tokenizer.
        training: Length, seed, device and state file.
        peak: Highest learning rate.
        batch: Pairs per step, and pictures of the anchor.

    Returns:
        The moving average of the weights, on the CPU.
    """
    texts, device = TextTable(tokenizer), training.device
    model.to(device)

    def loss(random: StepRandom) -> Tensor:
        rng = random.numpy
        rows = rng.integers(len(pairs.prompts), size=batch)
        worth = pairs.utilities[rows]
        first_wins = rng.random(batch) < 1 / (1 + np.exp(worth[:, 1] - worth[:, 0]))
        images = normalise(pairs.images[rows].reshape(-1, *pairs.images.shape[2:]), random)
        seen, read = features(model, images.to(device), texts([pairs.prompts[row] for row in rows]).to(device))
        rewards = model.logit_scale.exp().clamp(max=100) * (seen.view(batch, 2, -1) * read[:, None]).sum(-1)
        sign = torch.from_numpy(np.where(first_wins, 1.0, -1.0)).float().to(device)
        preference = -F.logsigmoid(sign * (rewards[:, 0] - rewards[:, 1])).mean()
        anchor = rng.integers(len(pool.specs), size=batch)
        captions = [str(pool.specs[row]) for row in anchor]
        pictures = normalise(pool.images[anchor], random)
        none: list[list[str]] = [[] for _ in captions]
        return preference + _ANCHOR_WEIGHT * contrastive_loss(model, pictures, captions, none, texts, device)

    fit(model, loss, Schedule(training.steps, peak), training, average=0.998)
    return model.to("cpu")
