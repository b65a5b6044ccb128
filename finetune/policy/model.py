"""A Stable-Diffusion-like pipeline as something to train: its parts, its trainable weights, and its base model."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from tia2.errors import FinetuneError

from ..settings.model import LoraSettings, ModelSettings
from .resolve import ModelSource, resolve

if TYPE_CHECKING:
    import numpy as np
    from diffusers import StableDiffusionPipeline
    from numpy.typing import NDArray
    from torch import Tensor, nn

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class DiffusionModel:
    """A text-to-image pipeline with a UNet whose weights, or whose adapter's, are trained.

    Args:
        pipeline: A `StableDiffusionPipeline`; its UNet is changed in place.
        settings: The trained weights, and the number format of the frozen ones.
        device: Where it runs.
    """

    def __init__(self, pipeline: StableDiffusionPipeline, settings: ModelSettings, device: str = "cpu") -> None:
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
            part.to(self.device) if part.dtype == dtype else part.to(self.device, dtype)
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
        return result

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
        images = vae.decode(latents.to(vae.device, torch.float32) / vae.config.scaling_factor, return_dict=False)[0]
        pixels = ((images / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        result: NDArray[np.uint8] = pixels.permute(0, 2, 3, 1).cpu().numpy()
        return result

    def images(self, latents: Tensor, batch: int) -> list[Image.Image]:
        """Return the images of latents, decoded a batch at a time.

        Args:
            latents: Shape (images, channels, height, width).
            batch: Latents per batch.
        """
        parts = (self.decode(latents[start : start + batch]) for start in range(0, len(latents), batch))
        return [Image.fromarray(pixels) for part in parts for pixels in part]

    @torch.no_grad()
    def encode(self, images: Tensor, noise: Tensor) -> Tensor:
        """Return latents of images in −1 to 1, drawn from the autoencoder's distribution with the noise given."""
        distribution = self.pipeline.vae.encode(images.to(self.device, torch.float32)).latent_dist
        latents: Tensor = distribution.mean + distribution.std * noise.to(self.device)
        return latents * float(self.pipeline.vae.config.scaling_factor)


def load_pipeline(source: ModelSource) -> StableDiffusionPipeline:
    """Load a pipeline without its safety checker, in float32 on the CPU.

    Raises:
        MissingDependencyError: diffusers isn't installed.
        FinetuneError: It can't be fetched, or is of another kind.
    """
    from tia2.miniworld.diffusers_loading import importing_diffusers, loading_quietly

    with importing_diffusers("Fine-tuning"):
        from diffusers import StableDiffusionPipeline
    if source.checkpoint is not None:
        from tia2.miniworld.generator import load_pipeline as load_miniature

        return load_miniature(checkpoint=source.checkpoint)
    try:
        with loading_quietly():
            pipeline = StableDiffusionPipeline.from_pretrained(
                source.location, safety_checker=None, requires_safety_checker=False, feature_extractor=None
            )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        words = " ".join(str(error).split())[:300]
        raise FinetuneError(f"The diffusion model {source.asked} can't be loaded: {words}") from None
    pipeline.set_progress_bar_config(disable=True)
    checked: StableDiffusionPipeline = pipeline
    return checked


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
