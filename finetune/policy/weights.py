"""Trained weights as files that a plain diffusers pipeline loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import FinetuneError, first_line
from tia2.files import new_folder

if TYPE_CHECKING:
    from .model import DiffusionModel


def save_weights(model: DiffusionModel, folder: Path) -> None:
    """Write the adapter in diffusers' LoRA format, or the whole UNet where all weights are trained.

    `pipeline.load_lora_weights(folder)` gives the same images bit for bit; a whole UNet is loaded by
    `UNet2DConditionModel.from_pretrained(folder)`. A folder that is there already stays as it is.

    Args:
        model: The model.
        folder: The folder to make.

    Raises:
        FinetuneError: It can't be written.
    """
    from safetensors import SafetensorError

    if folder.exists():
        return
    with new_folder(folder, FinetuneError) as unfinished:
        try:
            _write(model, unfinished)
        except SafetensorError as error:  # how its writer says that the disk is full
            raise FinetuneError(f"{folder} can't be written: {first_line(error)}. Nothing was changed.") from None


def _write(model: DiffusionModel, folder: Path) -> None:
    if model.settings.lora is None:
        model.unet.save_pretrained(folder)
        return
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import get_peft_model_state_dict

    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(model.unet))
    StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=layers)


def load_weights(model: DiffusionModel, folder: Path) -> None:
    """Put weights that `save_weights` wrote into a model with the same adapter.

    Args:
        model: The model; its weights are replaced.
        folder: The folder.

    Raises:
        FinetuneError: The folder holds no such weights, or weights of another model.
    """
    try:
        if model.settings.lora is None:
            from diffusers import UNet2DConditionModel

            loaded = UNet2DConditionModel.from_pretrained(folder)
            model.unet.load_state_dict(loaded.state_dict())
            return
        from diffusers import StableDiffusionPipeline
        from diffusers.utils import convert_unet_state_dict_to_peft
        from peft import set_peft_model_state_dict

        state, _ = StableDiffusionPipeline.lora_state_dict(folder)
        layers = {key.removeprefix("unet."): value for key, value in state.items()}
        outcome: Any = set_peft_model_state_dict(model.unet, convert_unet_state_dict_to_peft(layers))
        if outcome.unexpected_keys:
            raise FinetuneError(
                f"{folder} holds the adapter of another model: unexpected {outcome.unexpected_keys[0]}."
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        if isinstance(error, FinetuneError):
            raise
        raise FinetuneError(f"{folder} holds no trained weights: {' '.join(str(error).split())[:200]}") from None
