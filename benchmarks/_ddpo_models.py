"""A Stable Diffusion 2.1-base with random weights, of full size or narrow, with prompts and images. Used by ddpo.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from _scoring_models import clip_tokenizer
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

UNET = {
    "act_fn": "silu",
    "attention_head_dim": [5, 10, 20, 20],
    "block_out_channels": [320, 640, 1280, 1280],
    "cross_attention_dim": 1024,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "in_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "out_channels": 4,
    "sample_size": 64,
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    "use_linear_projection": True,
}
VAE = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "latent_channels": 4,
    "layers_per_block": 2,
    "sample_size": 512,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
TEXT = {
    "hidden_act": "gelu",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "max_position_embeddings": 77,
    "num_attention_heads": 16,
    "num_hidden_layers": 23,
    "projection_dim": 512,
    "vocab_size": 49408,
}
NARROW = {
    "unet": {
        "block_out_channels": [20, 40, 80, 80],
        "cross_attention_dim": 32,
        "norm_num_groups": 10,
        "sample_size": 8,
    },
    "vae": {"block_out_channels": [8, 16, 32, 32], "norm_num_groups": 8, "sample_size": 64},
    "text": {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2, "projection_dim": 16},
}
"""What a narrow one changes, to try the program where there is no GPU."""
SCHEDULER = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "prediction_type": "epsilon",
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
}


def sd_prompts(count: int) -> list[str]:
    """Return distinct prompts in the manner of TIA2's counting subset."""
    numbers = ("one", "two", "three", "four", "five", "six")
    things = ("cups", "dogs", "cars", "birds", "kites", "books")
    return [f"a photo of {number} {thing}" for thing in things for number in numbers][:count]


def sd21_base(prompts: list[str], narrow: bool) -> Any:
    """Return the pipeline on the CPU, of full size or narrow."""
    changes = NARROW if narrow else {"unet": {}, "vae": {}, "text": {}}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = StableDiffusionPipeline(
            vae=AutoencoderKL(**{**VAE, **changes["vae"]}),
            text_encoder=CLIPTextModel(CLIPTextConfig(**{**TEXT, **changes["text"]})),
            tokenizer=clip_tokenizer([*prompts, "a"]),
            unet=UNet2DConditionModel(**{**UNET, **changes["unet"]}),
            scheduler=DDIMScheduler.from_config(SCHEDULER),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def noise_images(count: int, side: int = 512) -> list[Image.Image]:
    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
    return [Image.fromarray(image).resize((side, side)) for image in pixels]
