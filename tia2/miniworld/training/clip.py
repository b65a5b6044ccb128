"""The tiny CLIPs: contrastive training on rendered scenes, on generator-like versions of them, with hard negatives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from tia2.files import new_folder
from tia2.miniworld.grammar import Specification, parse
from tia2.miniworld.scenes import SIDE, random_specification
from tia2.miniworld.training.batches import render_batch, to_model_range, to_pixels
from tia2.miniworld.training.captions import CaptionRule, hard_negatives
from tia2.miniworld.training.loop import Schedule, StepRandom, Training, fit

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

IMAGE_MEAN, IMAGE_STD = (0.75, 0.75, 0.75), (0.25, 0.25, 0.25)
"""Normalisation constants: rough mean and spread of rendered pixels."""


@dataclass(frozen=True)
class ClipShape:
    """Size of both towers: width, layers, and pixels of a square patch."""

    width: int
    layers: int
    patch: int = 8


def new_clip(shape: ClipShape, tokenizer: CLIPTokenizer) -> CLIPModel:
    """Return an untrained CLIP for 64 px images."""
    tower = {
        "hidden_size": shape.width,
        "intermediate_size": 4 * shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": 4,
        "hidden_act": "gelu",
    }
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    return CLIPModel(
        CLIPConfig(
            text_config={
                **tower,
                **ids,
                "vocab_size": len(tokenizer),
                "max_position_embeddings": tokenizer.model_max_length,
                "projection_dim": shape.width,
            },
            vision_config={**tower, "image_size": SIDE, "patch_size": shape.patch, "projection_dim": shape.width},
            projection_dim=shape.width,
        )
    )


@dataclass(frozen=True)
class ImagePool:
    """Scenes and their pictures: (n, 64, 64, 3) uint8, each clean or as the generator would blur it."""

    images: npt.NDArray[np.uint8]
    specs: list[Specification]


@torch.no_grad()
def build_pool(vae: AutoencoderKL, count: int, seed: int, device: str = "cpu") -> ImagePool:
    """Render scenes; half of them go through the autoencoder with noise on the latents.

    Args:
        vae: The trained autoencoder.
        count: Number of scenes.
        seed: Seed of scenes and noise.
        device: Device of the autoencoder.

    Returns:
        The pool.
    """
    vae = vae.to(device)
    images, specs = [], []
    for start in range(0, count, 256):
        random = StepRandom.of(seed, start)
        part = [random_specification(random.numpy) for _ in range(min(256, count - start))]
        pixels = render_batch(part, random.numpy, wobble=1.0)
        blurred = np.flatnonzero(random.numpy.random(len(part)) < 0.5)
        latents = vae.encode(to_model_range(pixels[blurred]).to(device)).latent_dist.mean
        amount = 0.4 * torch.rand(len(blurred), 1, 1, 1, generator=random.torch).to(device)
        pixels[blurred] = to_pixels(vae.decode(latents + amount * random.normal(*latents.shape).to(device)).sample)
        images.append(pixels)
        specs += part
    return ImagePool(np.concatenate(images), specs)


def save_pool(pool: ImagePool, folder: Path) -> None:
    """Keep a pool in a folder, whole or not at all, for the other recipes and for an interrupted run."""
    with new_folder(folder) as unfinished:
        np.save(unfinished / "images.npy", pool.images)
        (unfinished / "captions.txt").write_text("\n".join(map(str, pool.specs)), encoding="utf-8")


def load_pool(folder: Path) -> ImagePool:
    """Return a pool from `save_pool`; its images stay on disk until they are used."""
    captions = (folder / "captions.txt").read_text(encoding="utf-8").split("\n")
    images: npt.NDArray[np.uint8] = np.load(folder / "images.npy", mmap_mode="r")
    return ImagePool(images, [parse(caption) for caption in captions])


class TextTable:
    """Token ids of texts, each tokenised once."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        self._tokenizer = tokenizer
        self._rows: dict[str, list[int]] = {}

    def __call__(self, texts: list[str]) -> Tensor:
        """Return ids padded with the end token to the longest of the texts: (n, length)."""
        new = list({text for text in texts if text not in self._rows})
        if new:
            self._rows.update(zip(new, self._tokenizer(new, truncation=True).input_ids, strict=True))
        rows = [self._rows[text] for text in texts]
        longest = max(map(len, rows))
        end = self._tokenizer.eos_token_id
        return torch.tensor([row + [end] * (longest - len(row)) for row in rows])


def features(model: CLIPModel, images: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Return normalised image and text features."""
    seen = model.get_image_features(pixel_values=images).pooler_output
    read = model.get_text_features(input_ids=tokens).pooler_output
    return F.normalize(seen, dim=-1), F.normalize(read, dim=-1)


def normalise(images: npt.NDArray[np.uint8], random: StepRandom, noise: float = 0.06) -> Tensor:
    """Return model inputs with a little pixel noise, of an amount that differs from image to image."""
    values = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    amount = noise * torch.rand(len(images), 1, 1, 1, generator=random.torch)
    values = (values + amount * random.normal(*values.shape)).clamp(0, 1)
    return (values - IMAGE_MEAN[0]) / IMAGE_STD[0]


def contrastive_loss(
    model: CLIPModel, images: Tensor, captions: list[str], negatives: list[list[str]], texts: TextTable, device: str
) -> Tensor:
    """InfoNCE both ways; an image also sees its own hard negatives. Equal captions are no negatives of each other."""
    unique = list(dict.fromkeys([*captions, *(text for row in negatives for text in row)]))
    index = {text: i for i, text in enumerate(unique)}
    seen, read = features(model, images.to(device), texts(unique).to(device))
    logits = model.logit_scale.exp().clamp(max=100) * seen @ read.T
    targets = torch.tensor([index[text] for text in captions], device=device)
    columns = torch.tensor(sorted(set(targets.tolist())), device=device)
    allowed = torch.zeros_like(logits, dtype=torch.bool)
    allowed[:, columns] = True
    for row, extra in enumerate(negatives):
        allowed[row, [index[text] for text in extra]] = True
    to_text = F.cross_entropy(logits.masked_fill(~allowed, float("-inf")), targets)
    back = logits[:, targets].T
    same = (targets[:, None] == targets[None]) & ~torch.eye(len(targets), dtype=torch.bool, device=device)
    to_image = F.cross_entropy(back.masked_fill(same, float("-inf")), torch.arange(len(targets), device=device))
    return (to_text + to_image) / 2


def train_clip(
    model: CLIPModel,
    pool: ImagePool,
    tokenizer: CLIPTokenizer,
    training: Training,
    *,
    captions: CaptionRule,
    negatives: int,
    peak: float = 2e-3,
    batch: int = 128,
) -> CLIPModel:
    """Train a CLIP on a pool.

    Args:
        model: The CLIP to train; changed in place.
        pool: Pictures with their specifications.
        tokenizer: The model's tokenizer.
        training: Length, seed, device and state file.
        captions: Rule by which captions are written.
        negatives: Hard negatives per image.
        peak: Highest learning rate.
        batch: Images per step.

    Returns:
        The moving average of the weights, on the CPU.
    """
    texts, device = TextTable(tokenizer), training.device
    model.to(device)

    def loss(random: StepRandom) -> Tensor:
        rows = random.numpy.integers(len(pool.specs), size=batch)
        written = [captions(pool.specs[row], random.numpy) for row in rows]
        wrong = [hard_negatives(spec, negatives, random.numpy) if negatives else [] for spec in written]
        true_captions = [str(spec) for spec in written]
        wrong = [[text for text in row if text != mine] for row, mine in zip(wrong, true_captions, strict=True)]
        return contrastive_loss(model, normalise(pool.images[rows], random), true_captions, wrong, texts, device)

    fit(model, loss, Schedule(training.steps, peak), training, average=0.998)
    return model.to("cpu")
