"""The tiny Stable Diffusion: text encoder and UNet, trained together on standardised latents with v-prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tia2.miniworld.scenes import random_specification
from tia2.miniworld.training.batches import render_batch, to_model_range
from tia2.miniworld.training.loop import Schedule, StepRandom, Training, fit
from tia2.miniworld.training.vae import LATENT_CHANNELS

TEXT_WIDTH = 64
MOST_OBJECTS = 6
"""Counts beyond six are never drawn in training: the generator has to extrapolate to them."""

_NO_CAPTION = 0.1
_TEXT_ENCODER_SHARE = 1 / 3


def new_unet() -> UNet2DConditionModel:
    """Return an untrained UNet: 8 x 8 and 4 x 4, attention to the text at both."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(64, 96),
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Return an untrained text encoder for a tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            projection_dim=TEXT_WIDTH,
            hidden_act="gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def new_scheduler() -> DDIMScheduler:
    """Return the noise schedule of Stable Diffusion 2.1."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
        timestep_spacing="leading",
    )


@dataclass(frozen=True)
class LatentPool:
    """Encoded scenes: latents (n, 8, 8, 8) float16 and token ids (n, 16); row 0 of `no_caption` is the empty text."""

    latents: Tensor
    tokens: Tensor
    no_caption: Tensor


@torch.no_grad()
def build_pool(vae: AutoencoderKL, tokenizer: CLIPTokenizer, count: int, seed: int, device: str = "cpu") -> LatentPool:
    """Render and encode scenes with their captions.

    Args:
        vae: The trained autoencoder.
        tokenizer: Tokenizer of the text encoder.
        count: Number of scenes.
        seed: Seed of the scenes.
        device: Device of the autoencoder.

    Returns:
        The pool, on the CPU.
    """
    vae = vae.to(device)
    latents, captions = [], []
    for start in range(0, count, 256):
        rng = np.random.default_rng([seed, start])
        specs = [random_specification(rng, MOST_OBJECTS) for _ in range(min(256, count - start))]
        images = to_model_range(render_batch(specs, rng)).to(device, memory_format=torch.channels_last)
        latents.append(vae.encode(images).latent_dist.mean.half().cpu())
        captions += [str(spec) for spec in specs]
    return LatentPool(torch.cat(latents), tokenize(tokenizer, captions), tokenize(tokenizer, [""]))


def tokenize(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Return token ids padded to the tokenizer's length, as the pipeline pads them: (n, 16)."""
    ids: Tensor = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    return ids


class Denoiser(nn.Module):
    """UNet and text encoder as one thing to train."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder

    def forward(self, noisy: Tensor, timesteps: Tensor, tokens: Tensor, *, train_text: bool) -> Tensor:
        """Return the predicted velocity of noisy latents under captions."""
        with torch.set_grad_enabled(train_text):
            text = self.text_encoder(tokens).last_hidden_state
        prediction: Tensor = self.unet(noisy, timesteps, encoder_hidden_states=text).sample
        return prediction


def train_diffusion(
    pool: LatentPool,
    tokenizer: CLIPTokenizer,
    training: Training,
    *,
    batch: int = 64,
    until: int | None = None,
) -> Denoiser:
    """Train UNet and text encoder from scratch: velocity prediction, one caption in ten dropped for guidance.

    The text encoder stays fixed after the first third, so that the halfway UNet works with the final text encoder.

    Args:
        pool: Encoded scenes.
        tokenizer: The tokenizer that made the pool's tokens.
        training: Length, seed, device and state file.
        batch: Latents per step.
        until: Stop at this step; gives the halfway checkpoint.

    Returns:
        The moving average of the weights, on the CPU.
    """
    torch.manual_seed(training.seed)
    model = Denoiser(new_unet(), new_text_encoder(tokenizer)).to(training.device)
    scheduler = new_scheduler()

    def loss(random: StepRandom) -> Tensor:
        rows = torch.from_numpy(random.numpy.integers(len(pool.latents), size=batch))
        latents, tokens = pool.latents[rows].float(), pool.tokens[rows]
        dropped = torch.from_numpy(random.numpy.random(batch) < _NO_CAPTION)[:, None]
        tokens = torch.where(dropped, pool.no_caption, tokens).to(training.device)
        timesteps = torch.from_numpy(random.numpy.integers(scheduler.config.num_train_timesteps, size=batch))
        noise = random.normal(*latents.shape)
        noisy = scheduler.add_noise(latents, noise, timesteps)
        velocity = scheduler.get_velocity(latents, noise, timesteps)
        train_text = random.step < _TEXT_ENCODER_SHARE * training.steps
        output = model(noisy.to(training.device), timesteps.to(training.device), tokens, train_text=train_text)
        return F.mse_loss(output, velocity.to(training.device))

    fit(model, loss, Schedule(training.steps, 1e-3, 200), training, average=0.998, until=until)
    return model.to("cpu")
