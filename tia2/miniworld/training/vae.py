"""The autoencoder of the tiny Stable Diffusion: 64 x 64 x 3 images to 8 x 8 x 8 latents and back.

Two stages. The first trains encoder and decoder together, then folds each latent channel's mean and deviation into the
1 x 1 convolutions around the bottleneck: latents are standardised, and the pipeline's single scaling factor is 1.
The second trains the decoder alone on the now fixed latents, with noise on them as a sampler leaves it.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from tia2.miniworld.training.batches import random_specifications, render_batch, to_model_range
from tia2.miniworld.training.loop import Schedule, StepRandom, Training, fit

LATENT_CHANNELS = 8
MOMENT_SCENES = 2048
"""Number of scenes that the latents' moments are measured on."""
_KL_WEIGHT = 3e-4
_STRUCTURE_WEIGHT = 0.5


def new_autoencoder() -> AutoencoderKL:
    """Return an untrained autoencoder: most channels at low resolution, where they are cheap."""
    return AutoencoderKL(
        block_out_channels=(8, 16, 32, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=LATENT_CHANNELS,
        mid_block_add_attention=False,
        sample_size=64,
        scaling_factor=1.0,
    ).to(memory_format=torch.channels_last)


def reconstruction_loss(output: Tensor, target: Tensor) -> Tensor:
    """Squared plus absolute error, and the same on 2 x 2 differences so that outlines come out sharp."""
    error = output - target
    edges = torch.cat(
        [(error[..., 1:] - error[..., :-1]).flatten(), (error[..., 1:, :] - error[..., :-1, :]).flatten()]
    )
    pixel = error.square().mean() + 0.2 * error.abs().mean()
    return pixel + _STRUCTURE_WEIGHT * (edges.square().mean() + 0.2 * edges.abs().mean())


def train_autoencoder(
    training: Training,
    *,
    batch: int = 32,
    scenes: int = MOMENT_SCENES,
) -> AutoencoderKL:
    """Train encoder and decoder together and standardise the latents.

    Args:
        training: Length, seed, device and state file.
        batch: Images per step.
        scenes: Number of scenes that the latents' moments are measured on.

    Returns:
        The autoencoder, on the CPU.
    """
    torch.manual_seed(training.seed)
    model = new_autoencoder().to(training.device)

    def loss(random: StepRandom) -> Tensor:
        images = render_batch(random_specifications(batch, random.numpy), random.numpy, wobble=0.8)
        target = to_model_range(images).to(training.device, memory_format=torch.channels_last)
        posterior = model.encode(target).latent_dist
        noise = random.normal(*posterior.mean.shape).to(training.device)
        output = model.decode(posterior.mean + posterior.std * noise).sample
        divergence: Tensor = posterior.kl().mean() / posterior.mean[0].numel()
        return reconstruction_loss(output, target) + _KL_WEIGHT * divergence

    fit(model, loss, Schedule(training.steps, 2e-3), training, average=0.995)
    standardise_latents(model.to("cpu"), training.seed, scenes)
    return model


@torch.no_grad()
def standardise_latents(model: AutoencoderKL, seed: int, count: int = MOMENT_SCENES) -> None:
    """Make every latent channel of mean 0 and variance 1 by changing only the 1 x 1 convolutions around the bottleneck.

    The image that decodes from an encoded image stays the same up to rounding.

    Args:
        model: The autoencoder; changed in place.
        seed: Seed of the scenes that the moments are measured on.
        count: Number of scenes.
    """
    random = StepRandom.of(seed, 2**31 - 1)
    images = to_model_range(render_batch(random_specifications(count, random.numpy), random.numpy, wobble=0.8))
    latents = torch.cat([model.encode(part).latent_dist.mean for part in torch.split(images, 256)])
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    moments, back = model.quant_conv, model.post_quant_conv
    # post_quant_conv sees deviation * z + mean for z; quant_conv gives (z - mean) / deviation and its log-variance.
    back.bias += torch.einsum("oi,i->o", back.weight[:, :, 0, 0], mean)
    back.weight *= deviation[None, :, None, None]
    channels = LATENT_CHANNELS
    moments.bias[:channels] = (moments.bias[:channels] - mean) / deviation
    moments.weight[:channels] /= deviation[:, None, None, None]
    moments.bias[channels:] -= 2 * deviation.log()


def train_decoder(
    model: AutoencoderKL,
    training: Training,
    *,
    batch: int = 32,
) -> AutoencoderKL:
    """Train the decoder alone on fixed latents with up to 0.15 of noise.

    Args:
        model: An autoencoder from `train_autoencoder`; its encoder and `quant_conv` stay as they are.
        training: Length, seed, device and state file.
        batch: Images per step.

    Returns:
        The same autoencoder, on the CPU.
    """
    model.to(training.device, memory_format=torch.channels_last)
    for part in (model.encoder, model.quant_conv):
        part.requires_grad_(False)

    def loss(random: StepRandom) -> Tensor:
        images = render_batch(random_specifications(batch, random.numpy), random.numpy, wobble=0.4)
        target = to_model_range(images).to(training.device, memory_format=torch.channels_last)
        with torch.no_grad():
            latents = model.encode(target).latent_dist.mean
            amount = torch.rand(batch, 1, 1, 1, generator=random.torch).to(training.device)
            latents = latents + 0.15 * amount * random.normal(*latents.shape).to(training.device)
        return reconstruction_loss(model.decode(latents).sample, target)

    fit(model, loss, Schedule(training.steps, 1.5e-3), training, average=0.998)
    model.requires_grad_(True)
    return model.to("cpu")
