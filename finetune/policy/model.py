"""A Stable-Diffusion-like pipeline as something to train: its parts, its trainable weights, and its base model."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import nn

from tia2.errors import FinetuneError

from ..settings.model import LoraSettings, ModelSettings
from .half import GradientScale
from .loading import load_pipeline
from .resolve import resolve

if TYPE_CHECKING:
    import numpy as np
    from diffusers import StableDiffusionPipeline
    from numpy.typing import NDArray
    from torch import Tensor

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

_DECODED_PIXELS = 4 * 512 * 512
"""Most pixels that are decoded at a time. One map of the autoencoder's widest full-size layer takes 256 MiB for each
512-pixel image, and several are alive at once: a batch of the sampler's 16 would need a multiple of 4 GiB."""


class DiffusionModel:
    """A text-to-image pipeline with a UNet whose weights, or whose adapter's, are trained.

    Args:
        pipeline: A `StableDiffusionPipeline`; its UNet is changed in place.
        settings: The trained weights, and the number format of the frozen ones.
        device: Where it runs.
    """

    def __init__(self, pipeline: StableDiffusionPipeline, settings: ModelSettings, device: str = "cpu") -> None:
        side, factor = settings.resolution, pipeline.vae_scale_factor
        if side is not None and side % factor:
            raise FinetuneError(
                f"model.resolution must be a multiple of {factor}, the autoencoder's scale, got {side}: "
                f"{side // factor * factor} and {-(-side // factor) * factor} are nearest."
            )
        self.pipeline = pipeline
        self.settings = settings
        self.device = torch.device(device)
        self.dtype = _DTYPES[settings.precision]
        self.unet: Any = pipeline.unet
        for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
            part.requires_grad_(False)
            part.eval()
            # Decoding in half precision overflows in some autoencoders and makes black images, and is a small share of
            # the work, so the autoencoder stays in float32.
            dtype = torch.float32 if part is pipeline.vae else self.dtype
            # torch's own method: diffusers' warns of every cast, of lists of exceptions that are empty here, too.
            nn.Module.to(part, self.device, None if part.dtype == dtype else dtype)
        self._base: Any = None
        self._embeddings: dict[str, Tensor] = {}
        if settings.lora is not None:
            _add_lora(self.unet, settings.lora)
        else:
            if self.dtype != torch.float32:
                raise FinetuneError(
                    f"Training all weights needs precision float32, got {settings.precision}: half-precision weights "
                    "lose small updates. Set model.precision to float32, or train a LoRA (model.lora.rank)."
                )
            self._base = copy.deepcopy(self.unet)
            self.unet.requires_grad_(True)
        for parameter in self.parameters:
            parameter.data = parameter.data.float()
        if settings.gradient_checkpointing:
            self.unet.enable_gradient_checkpointing()
        self._scale = GradientScale(self.parameters) if self.dtype == torch.float16 else None

    @classmethod
    def load(cls, settings: ModelSettings, device: str = "cpu") -> DiffusionModel:
        """Load the model that settings name.

        Raises:
            FinetuneError: There is no such model, it can't be fetched, or it isn't of Stable Diffusion's kind.
        """
        source = resolve(settings.name)
        return cls(load_pipeline(source), settings, device)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The weights that are trained, in a fixed order."""
        return [parameter for parameter in self.unet.parameters() if parameter.requires_grad]

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a latent."""
        config = self.unet.config
        size = self.settings.resolution
        side = config.sample_size if size is None else size // self.pipeline.vae_scale_factor
        return int(config.in_channels), int(side), int(side)

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Return the text encoder's output, each distinct text encoded once per run: (texts, tokens, width)."""
        for text in dict.fromkeys(texts):
            if text not in self._embeddings:
                with torch.no_grad():
                    encoded, _ = self.pipeline.encode_prompt([text], self.device, 1, False)
                self._embeddings[text] = encoded[0]
        return torch.stack([self._embeddings[text] for text in texts])

    def predict(self, latents: Tensor, timesteps: Tensor, embeddings: Tensor, guidance: float) -> Tensor:
        """Return the network's output under classifier-free guidance, float32.

        With guidance g: output = uncond + g (cond − uncond), both in one batch; with g = 1 only the conditional branch
        runs, which is the same output at half the cost.

        Args:
            latents: x_t, float32, shape (batch, channels, height, width).
            timesteps: The network's time of each sample, shape (batch,).
            embeddings: Encoded texts, as `embed` returns them, shape (batch, tokens, width).
            guidance: g.
        """
        latents = latents.to(self.dtype)
        if guidance == 1.0:
            return self._forward(latents, timesteps, embeddings)
        negative = self.embed([""]).expand_as(embeddings)
        both = self._forward(latents.repeat(2, 1, 1, 1), timesteps.repeat(2), torch.cat([negative, embeddings]))
        uncond, cond = both.chunk(2)
        return uncond + guidance * (cond - uncond)

    def _forward(self, latents: Tensor, timesteps: Tensor, embeddings: Tensor) -> Tensor:
        # Frozen half-precision weights meet float32 adapters: autocast brings the adapters' products to one format.
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            output = self.unet(latents, timesteps, encoder_hidden_states=embeddings, return_dict=False)[0]
        result: Tensor = output.float()
        return result if self._scale is None else self._scale(result)

    @contextmanager
    def base(self) -> Iterator[None]:
        """Within the block, the model is the one that fine-tuning began with, bit for bit."""
        if self._base is not None:
            trained, self.unet = self.unet, self._base
            try:
                yield
            finally:
                self.unet = trained
            return
        trainable = self.parameters
        self.unet.disable_adapters()
        try:
            yield
        finally:
            self.unet.enable_adapters()
            # Turning adapters off and on leaves requires_grad to the library; the optimiser needs it as it was.
            for parameter in trainable:
                parameter.requires_grad_(True)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Return images, (n, height, width, 3) uint8, as the pipeline decodes latents."""
        vae = self.pipeline.vae
        parts = []
        for some in torch.split(latents, max(1, _DECODED_PIXELS // self._pixels)):
            images = vae.decode(some.to(vae.device, torch.float32) / vae.config.scaling_factor, return_dict=False)[0]
            pixels = ((images / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
            parts.append(pixels.permute(0, 2, 3, 1).cpu())
        result: NDArray[np.uint8] = torch.cat(parts).numpy()
        return result

    def images(self, latents: Tensor, batch: int) -> list[Image.Image]:
        """Return the images of latents, decoded a batch at a time.

        Args:
            latents: Shape (images, channels, height, width).
            batch: Latents per batch.
        """
        parts = (self.decode(latents[start : start + batch]) for start in range(0, len(latents), batch))
        return [Image.fromarray(pixels) for part in parts for pixels in part]

    @property
    def _pixels(self) -> int:
        _, height, width = self.latent_shape
        return height * width * int(self.pipeline.vae_scale_factor) ** 2

    @torch.no_grad()
    def encode(self, images: Tensor, noise: Tensor) -> Tensor:
        """Return latents of images in −1 to 1, drawn from the autoencoder's distribution with the noise given."""
        distribution = self.pipeline.vae.encode(images.to(self.device, torch.float32)).latent_dist
        latents: Tensor = distribution.mean + distribution.std * noise.to(self.device)
        return latents * float(self.pipeline.vae.config.scaling_factor)


def _add_lora(unet: Any, lora: LoraSettings) -> None:
    from peft import LoraConfig

    # peft draws the first matrices from the global generator: seeded here, and the caller's state is kept.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(lora.seed)
        unet.add_adapter(
            LoraConfig(
                r=lora.rank,
                lora_alpha=lora.alpha or lora.rank,
                init_lora_weights="gaussian",
                target_modules=list(lora.targets),
            )
        )
