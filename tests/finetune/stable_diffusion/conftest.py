"""Folders of Stable Diffusion as they lie on the Hub: real configurations, narrower, with random weights.

Numbers of blocks, layers and heads, kinds of blocks, projections and schedulers are the released ones; widths, and the
group norm's groups with them, are not. Everything but the weights is written by hand as the real repositories have it,
since today's libraries would write it in their own words.
"""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="fine-tuning needs diffusers: pip install 'tia2[finetune]'")

build_clip = runpy.run_path(str(Path(__file__).parents[2] / "tiny_clip.py"))["build"]

PROMPTS = ["a red circle", "two cyan stars"]
UNET = {
    "_class_name": "UNet2DConditionModel",
    "act_fn": "silu",
    "center_input_sample": False,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "out_channels": 4,
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
}
SD2_UNET = {
    **UNET,
    "_diffusers_version": "0.10.0.dev0",
    "attention_head_dim": [5, 10, 20, 20],
    "block_out_channels": [20, 40, 80, 80],
    "cross_attention_dim": 32,
    "dual_cross_attention": False,
    "norm_num_groups": 10,
    "num_class_embeds": None,
    "only_cross_attention": False,
    "use_linear_projection": True,
}
UNETS = {
    "sd21-base": {**SD2_UNET, "sample_size": 64},
    "sd21": {**SD2_UNET, "sample_size": 96, "upcast_attention": True},
    "sd15": {
        **UNET,
        "_diffusers_version": "0.6.0",
        "attention_head_dim": 8,
        "block_out_channels": [16, 32, 64, 64],
        "cross_attention_dim": 24,
        "norm_num_groups": 8,
        "sample_size": 64,
    },
}
VAE = {
    "_class_name": "AutoencoderKL",
    "_diffusers_version": "0.10.0.dev0",
    "act_fn": "silu",
    "block_out_channels": [8, 16, 32, 32],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 8,
    "out_channels": 3,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
BETAS = {
    "_diffusers_version": "0.10.0.dev0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}
SCHEDULERS = {
    "sd21-base": {"_class_name": "PNDMScheduler", **BETAS, "prediction_type": "epsilon"},
    "sd21": {"_class_name": "DDIMScheduler", **BETAS, "prediction_type": "v_prediction"},
    "sd15": {"_class_name": "PNDMScheduler", **BETAS},
}
TEXT_ENCODER = {
    "architectures": ["CLIPTextModel"],
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "dropout": 0.0,
    "eos_token_id": 2,
    "initializer_factor": 1.0,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 77,
    "model_type": "clip_text_model",
    "pad_token_id": 1,
    "torch_dtype": "float32",
    "vocab_size": 49408,
}
SD2_TEXT = {
    "hidden_act": "gelu",
    "hidden_size": 32,
    "intermediate_size": 128,
    "num_attention_heads": 16,
    "num_hidden_layers": 23,
    "projection_dim": 16,
}
TEXT_ENCODERS = {
    "sd21-base": {**TEXT_ENCODER, **SD2_TEXT},
    "sd21": {**TEXT_ENCODER, **SD2_TEXT},
    "sd15": {
        **TEXT_ENCODER,
        "hidden_act": "quick_gelu",
        "hidden_size": 24,
        "intermediate_size": 96,
        "num_attention_heads": 12,
        "num_hidden_layers": 12,
    },
}
LARGEST = {"sd21-base": 512, "sd21": 768, "sd15": 512}
"""Side of the images that the released models make, which the autoencoder's configuration says, too."""


def model_index(kind):
    """`model_index.json`: Stable Diffusion 1.5 names a safety checker, and few copies of its folder hold one."""
    checker = ["stable_diffusion", "StableDiffusionSafetyChecker"] if kind == "sd15" else [None, None]
    return {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.6.0" if kind == "sd15" else "0.10.0.dev0",
        "feature_extractor": ["transformers", "CLIPFeatureExtractor" if kind == "sd15" else "CLIPImageProcessor"],
        **({} if kind == "sd15" else {"requires_safety_checker": False}),
        "safety_checker": checker,
        "scheduler": ["diffusers", SCHEDULERS[kind]["_class_name"]],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def write_tokenizer(folder, kind):
    """CLIP's tokenizer with its last two numbers, few merges, and the model's padding: "!" for Stable Diffusion 2."""
    letters = [chr(code) for code in range(33, 127)]
    merges = ["r e", "re d</w>", "c i", "s t", "t w", "tw o</w>", "c a", "ca t</w>"]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair.split()) for pair in merges)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    vocabulary |= {"<|startoftext|>": 49406, "<|endoftext|>": 49407}
    write_json(folder / "vocab.json", vocabulary)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    special = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    begin, end = ({"content": text, **special} for text in ("<|startoftext|>", "<|endoftext|>"))
    pad = "<|endoftext|>" if kind == "sd15" else "!"
    write_json(
        folder / "special_tokens_map.json", {"bos_token": begin, "eos_token": end, "pad_token": pad, "unk_token": end}
    )
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_prefix_space": False,
            "bos_token": {"__type": "AddedToken", **begin},
            "do_lower_case": True,
            "eos_token": {"__type": "AddedToken", **end},
            "errors": "replace",
            "model_max_length": 77,
            "pad_token": "<|endoftext|>",
            "tokenizer_class": "CLIPTokenizer",
            "unk_token": {"__type": "AddedToken", **end},
        },
    )


def write_folder(folder, kind):
    """Write the folder of one model, one safetensors file per part, and return it."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPTextConfig, CLIPTextModel

    write_json(folder / "model_index.json", model_index(kind))
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULERS[kind])
    write_json(folder / "unet" / "config.json", UNETS[kind])
    write_json(folder / "vae" / "config.json", {**VAE, "sample_size": LARGEST[kind]})
    write_json(folder / "text_encoder" / "config.json", TEXT_ENCODERS[kind])
    write_tokenizer(folder / "tokenizer", kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        parts = {
            "unet/diffusion_pytorch_model": UNet2DConditionModel.from_config(UNETS[kind]),
            "vae/diffusion_pytorch_model": AutoencoderKL.from_config({**VAE, "sample_size": LARGEST[kind]}),
            "text_encoder/model": CLIPTextModel(CLIPTextConfig(**TEXT_ENCODERS[kind])),
        }
    for name, part in parts.items():
        weights = {key: value.contiguous() for key, value in part.state_dict().items()}
        if name.startswith("text_encoder"):  # as transformers wrote them at the time
            weights = {
                key if key.startswith("text_model.") else f"text_model.{key}": value for key, value in weights.items()
            }
        save_file(weights, folder / f"{name}.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """The folder of each kind of model, written once and not to be changed."""
    written = {}

    def get(kind):
        if kind not in written:
            written[kind] = write_folder(tmp_path_factory.mktemp("models") / kind, kind)
        return written[kind]

    return get


@pytest.fixture
def copied(folders, tmp_path):
    """A copy of a folder that a test may change."""

    def copy(kind):
        return Path(shutil.copytree(folders(kind), tmp_path / f"copy-{kind}"))

    return copy


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Two small CLIP models as stand-ins for the reward models of the presets, which need downloads."""
    root = tmp_path_factory.mktemp("rewards")
    return [build_clip(root / f"clip-{seed}", seed=seed) for seed in range(2)]


@pytest.fixture
def overrides(clips):
    """What `--set` changes of a preset so that it runs in seconds: model, rewards, prompts, sizes; not the method."""

    def make(preset, folder):
        first, second = (f"clip:{path}" for path in clips)
        small = {
            "model.name": folder,
            "model.precision": "float32",
            "model.resolution": 64,
            "prompts.benchmark": "null",
            "prompts.train": "[0]",
            "prompts.texts": f"[{', '.join(PROMPTS)}]",
            "prompts.contrast": "rule",
            "reward.proxy": f"{first} & {second} + mean:of=minmax",
            "reward.watch": f"['{first}']",
            "reward.gold": f"{second} + textnorm",
            "sampler.steps": 2,
            "sampler.batch": 4,
            "evaluation.every": 1,
            "evaluation.images_per_prompt": 2,
            "evaluation.kl_images": 1,
        }
        if preset == "sd21-base-ddpo":
            small |= {"ddpo.images_per_epoch": 2, "ddpo.updates_per_epoch": 1, "ddpo.epochs": 1, "ddpo.batch": 4}
            small |= {"ddpo.advantages.min_count": 2}
        else:
            small |= {"weighted.samples_per_prompt": 2, "weighted.top": 0.5, "weighted.batch": 2}
            small |= {"weighted.micro_batch": 2, "weighted.updates_per_epoch": 1, "weighted.epochs": 1}
        return [f"{field}={value}" for field, value in small.items()]

    return make
