"""DDPO as the first implementation in PyTorch does it, written down again from its description, step by step.

Used by ddpo.py. A loop over batches of samples and, inside it, over denoising steps, both while sampling and while
training: each forward and backward pass sees one step of one small batch. Texts are encoded for every batch. Gradients
of all steps and batches of an update are accumulated. Its per-GPU settings on eight GPUs were batches of 8 for sampling
and 4 for training; on one GPU, 1 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from diffusers import DDIMScheduler
from PIL import Image
from torch import Tensor


class Samples(NamedTuple):
    """What an epoch sampled; log-probabilities are means over dimensions."""

    prompts: list[str]
    timesteps: Tensor
    latents: Tensor
    following: Tensor
    log_probabilities: Tensor

    @property
    def finals(self) -> Tensor:
        return self.following[:, -1]


class StraightDdpo:
    """One epoch at a time of DDPO, on the parts of a pipeline.

    Args:
        pipeline: Its UNet's parameters that require a gradient are trained.
        device: Device of everything.
        dtype: Number format of the frozen weights and of the network's arithmetic.
        steps: Denoising steps, all of them trained.
        guidance: Scale of classifier-free guidance, in sampling and in training.
        sample_batch: Images at a time while sampling.
        train_batch: Images at a time while training, each at one step.
        clip: Clip of the ratio, which is that of the mean log-probability.
    """

    def __init__(
        self,
        pipeline: Any,
        device: torch.device,
        dtype: torch.dtype,
        *,
        steps: int,
        guidance: float,
        sample_batch: int,
        train_batch: int,
        clip: float = 1e-4,
    ) -> None:
        self.pipeline = pipeline
        self.device = device
        self.dtype = dtype
        self.guidance = guidance
        self.sample_batch = sample_batch
        self.train_batch = train_batch
        self.clip = clip
        self.scheduler = DDIMScheduler.from_config({**pipeline.scheduler.config, "clip_sample": False})
        self.scheduler.set_timesteps(steps)

    def embed(self, texts: Sequence[str]) -> Tensor:
        tokenizer = self.pipeline.tokenizer
        tokens = tokenizer(
            list(texts), padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
            return_tensors="pt",
        )  # fmt: skip
        with torch.no_grad():
            return self.pipeline.text_encoder(tokens.input_ids.to(self.device))[0]

    def predict(self, latents: Tensor, timesteps: Tensor, embeddings: Tensor) -> Tensor:
        """The guided output; embeddings are those of the empty text, then those of the prompts."""
        both = torch.cat([latents, latents]).to(self.dtype)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            output = self.pipeline.unet(both, torch.cat([timesteps, timesteps]), embeddings).sample
        without, conditional = output.float().chunk(2)
        return without + self.guidance * (conditional - without)

    def step(self, output: Tensor, timesteps: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the next latents."""
        scheduler = self.scheduler
        before = timesteps - scheduler.config.num_train_timesteps // scheduler.num_inference_steps
        # In float64, unlike the original: at the last steps its float32 differences leave four digits of the variance.
        cumulative = scheduler.alphas_cumprod.double().to(self.device)
        alpha = cumulative[timesteps]
        final = torch.as_tensor(scheduler.final_alpha_cumprod, dtype=torch.float64, device=self.device)
        alpha_before = torch.where(before >= 0, cumulative[before.clamp(min=0)], final)
        alpha, alpha_before = (share.view(-1, 1, 1, 1) for share in (alpha, alpha_before))
        variance = (1 - alpha_before) / (1 - alpha) * (1 - alpha / alpha_before)
        direction = (1 - alpha_before - variance).clamp(min=0).sqrt().float()
        signal, spread, before_signal = alpha.sqrt().float(), (1 - alpha).sqrt().float(), alpha_before.sqrt().float()
        if scheduler.config.prediction_type == "epsilon":
            clean, noise = (latents - spread * output) / signal, output
        else:
            clean, noise = signal * latents - spread * output, signal * output + spread * latents
        return before_signal * clean + direction * noise, variance.sqrt().float()

    @staticmethod
    def log_probability(following: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
        terms = (
            -((following - mean) ** 2) / (2 * deviation**2)
            - deviation.log()
            - 0.5 * torch.log(torch.tensor(2 * torch.pi))
        )
        return terms.mean(dim=(1, 2, 3))

    @torch.no_grad()
    def sample(self, prompts: Sequence[str], noise: Tensor) -> Samples:
        """Sample every prompt with the noise given, shape (samples, steps + 1, channels, height, width)."""
        parts = []
        for start in range(0, len(prompts), self.sample_batch):
            rows = slice(start, start + self.sample_batch)
            texts, draws = list(prompts[rows]), noise[rows].to(self.device)
            embeddings = torch.cat([self.embed([""] * len(texts)), self.embed(texts)])
            latents, path, logs = draws[:, 0], [draws[:, 0]], []
            for number, time in enumerate(self.scheduler.timesteps):
                timesteps = time.repeat(len(texts)).to(self.device)
                mean, deviation = self.step(self.predict(latents, timesteps, embeddings), timesteps, latents)
                latents = mean + deviation * draws[:, number + 1]
                path.append(latents)
                logs.append(self.log_probability(latents, mean, deviation))
            parts.append((torch.stack(path, 1), torch.stack(logs, 1)))
        paths, logs = (torch.cat(part) for part in zip(*parts, strict=True))
        timesteps = self.scheduler.timesteps.to(self.device).repeat(len(prompts), 1)
        return Samples(list(prompts), timesteps, paths[:, :-1], paths[:, 1:], logs)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> list[Image.Image]:
        vae, images = self.pipeline.vae, []
        for part in latents.split(self.sample_batch):
            decoded = vae.decode(part.to(vae.dtype) / vae.config.scaling_factor).sample
            pixels = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
            images += [Image.fromarray(image) for image in pixels.permute(0, 2, 3, 1).cpu().numpy()]
        return images

    def accumulate(self, samples: Samples, advantages: Tensor, rows: Tensor, generator: torch.Generator) -> None:
        """Add up the gradient of one update, step by step."""
        steps = samples.timesteps.shape[1]
        batches = rows.split(self.train_batch)
        for batch in batches:
            texts = [samples.prompts[row] for row in batch.tolist()]
            embeddings = torch.cat([self.embed([""] * len(texts)), self.embed(texts)])
            # Every sample goes through its steps in an order of its own.
            orders = torch.stack([torch.randperm(steps, generator=generator) for _ in texts])
            for column in orders.T:
                timesteps = samples.timesteps[batch, column]
                latents, following = samples.latents[batch, column], samples.following[batch, column]
                mean, deviation = self.step(self.predict(latents, timesteps, embeddings), timesteps, latents)
                ratio = (
                    self.log_probability(following, mean, deviation) - samples.log_probabilities[batch, column]
                ).exp()
                gain = advantages[batch].to(self.device)
                clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
                loss = torch.maximum(-gain * ratio, -gain * clipped).mean()
                (loss * len(batch) / (len(rows) * steps)).backward()

    def update(
        self, samples: Samples, advantages: Tensor, updates: int, step: Callable[[], Any], generator: torch.Generator
    ) -> None:
        """Make all updates of an inner epoch."""
        order = torch.randperm(len(samples.prompts), generator=generator)
        for rows in order.chunk(updates):
            self.accumulate(samples, advantages, rows, generator)
            step()
