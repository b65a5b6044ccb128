"""Write what a recipe trained: float16 safetensors in the libraries' own layouts, beside a card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel

from tia2.miniworld.scenes import SIDE
from tia2.miniworld.training.clip import IMAGE_MEAN, IMAGE_STD
from tia2.miniworld.training.diffusion import new_scheduler

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

_BICUBIC = 3


def save_clip(model: CLIPModel, tokenizer: CLIPTokenizer, folder: Path, card: dict[str, Any]) -> None:
    """Write a reward model that any CLIP loader reads: weights, tokenizer, preprocessing and `card.json`."""
    with _fresh(folder) as part:
        model.half().save_pretrained(part)
        tokenizer.save_pretrained(part)
        preprocessing = {
            "image_processor_type": "CLIPImageProcessor",
            "do_convert_rgb": True,
            "do_resize": True,
            "size": {"shortest_edge": SIDE},
            "resample": _BICUBIC,
            "do_center_crop": True,
            "crop_size": {"height": SIDE, "width": SIDE},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(IMAGE_MEAN),
            "image_std": list(IMAGE_STD),
        }
        _write_json(part / "preprocessor_config.json", preprocessing)
        _write_json(part / "card.json", card)
        _load_as_float32(part)
    model.float()


def save_pipeline(
    vae: AutoencoderKL,
    unet: UNet2DConditionModel,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    folder: Path,
    card: str,
) -> None:
    """Write a folder for `StableDiffusionPipeline.from_pretrained`, with `README.md` as its card."""
    with _fresh(folder) as part:
        StableDiffusionPipeline(
            vae=vae.half(),
            text_encoder=text_encoder.half(),
            tokenizer=tokenizer,
            unet=unet.half(),
            scheduler=new_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(part)
        _load_as_float32(part / "text_encoder")
        (part / "README.md").write_text(card, encoding="utf-8")


def save_model(model: AutoencoderKL | UNet2DConditionModel, folder: Path, card: str) -> None:
    """Write one diffusers model in float16, with `README.md` as its card."""
    with _fresh(folder) as part:
        model.half().save_pretrained(part)
        (part / "README.md").write_text(card, encoding="utf-8")
    model.float()


def _load_as_float32(folder: Path) -> None:
    """Make transformers load half-precision weights in float32, as diffusers does: a CPU can't run the mixture."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    _write_json(folder / "config.json", {**config, "dtype": "float32"})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _fresh(folder: Path) -> Iterator[Path]:
    """Give a folder that takes the place of what stood there once it is whole, or never."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    for file in part.rglob("*.safetensors"):
        file.chmod(0o644)  # safetensors writes for the owner alone; a package is read by others
    for path in part.rglob("config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        if config.pop("_name_or_path", None):  # where the trainer's machine had it is nobody's business
            _write_json(path, config)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
