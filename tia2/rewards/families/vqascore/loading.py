"""Files, weights and processor of any image-text-to-text model of transformers; one clear line when they don't fit."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tia2.errors import RewardError, missing_dependency
from tia2.files import json_of
from tia2.rewards.loading.checkpoints import check_keys
from tia2.rewards.loading.hub import commit_of, fetch_folder, is_hub_id
from tia2.rewards.loading.transformers_models import quiet_transformers

if TYPE_CHECKING:
    import torch

SMALL_FILES = ("*.json", "*.jinja", "*.txt", "*.model")
"""Configurations, tokenizer and chat template."""

WEIGHTS = ("*.safetensors", "*.bin")
"""Weights, the preferred format first."""

UNREADABLE = (OSError, RuntimeError, ValueError, TypeError, AttributeError, EOFError, KeyError, pickle.UnpicklingError)


@dataclass(frozen=True)
class ModelFiles:
    """Where the files of a model are.

    Attributes:
        folder: Folder on this machine.
        hub_id: Id of the model on the hub, or None.
        revision: The commit on the hub, or None.
    """

    folder: Path
    hub_id: str | None
    revision: str | None

    @property
    def where(self) -> str:
        """Name of the model in errors."""
        return self.hub_id or str(self.folder)

    def all(self) -> list[Path]:
        """Return every file that can change a reward."""
        weights = next((paths for pattern in WEIGHTS if (paths := list(self.folder.glob(pattern)))), [])
        return weights + [path for pattern in SMALL_FILES for path in self.folder.glob(pattern)]


def find(source: str, revision: str | None) -> ModelFiles:
    """Find the files of a model.

    Args:
        source: A folder, or the id of a model on the Hugging Face Hub.
        revision: Branch, tag or commit on the hub.

    Raises:
        RewardError: Not found, not reachable, or no image-text-to-text model.
    """
    local = Path(source).expanduser()
    if local.is_dir():
        if revision is not None:
            raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is a folder.")
        files = ModelFiles(local, None, None)
    elif is_hub_id(source):
        _check_type(ModelFiles(fetch_folder(source, revision, ["config.json"]), source, revision))
        folder = fetch_folder(source, revision, [*SMALL_FILES, WEIGHTS[0]])
        if not list(folder.glob(WEIGHTS[0])):
            folder = fetch_folder(source, revision, [*SMALL_FILES, WEIGHTS[1]])
        files = ModelFiles(folder, source, commit_of(folder))
    else:
        raise RewardError(f"There is no folder {source!r}, and it is no hub id (organisation/model) either.")
    _check_type(files)
    return files


def load_processor(files: ModelFiles, image_options: Mapping[str, Any]) -> Any:
    """Load a model's processor: tokenizer, image processor and chat template.

    Args:
        files: Files of the model.
        image_options: Settings of the image processor that replace those of the files, such as `max_pixels`.

    Raises:
        MissingDependencyError: The processor needs a package that is not installed.
        RewardError: It can't be read, takes no images, or has no such setting.
    """
    from transformers import AutoProcessor

    try:
        with quiet_transformers():
            processor = AutoProcessor.from_pretrained(files.folder, local_files_only=True, trust_remote_code=False)
    except ImportError as error:
        reason = _one_line(error).partition(". ")[0].rstrip(".")
        raise missing_dependency(f"{files.where}: its processor can't be loaded ({reason})", "vqascore") from None
    except Exception as error:
        # The tokenizers library raises bare Exception.
        raise RewardError(f"The processor of {files.where} can't be read: {_one_line(error)}") from None
    images, words = getattr(processor, "image_processor", None), getattr(processor, "tokenizer", None)
    if images is None or words is None:
        raise RewardError(
            f"{files.where} has no processor for images and texts, only {type(processor).__name__}: "
            "is its preprocessor_config.json missing?"
        )
    if image_options:
        allowed = sorted(images.valid_kwargs.__annotations__)
        if unknown := [option for option in image_options if option not in allowed]:
            raise RewardError(
                f"{type(images).__name__} of {files.where} takes no {', '.join(unknown)}. "
                f"It takes: {', '.join(allowed)}."
            )
        processor.image_processor = type(images).from_dict({**images.to_dict(), **image_options})
    return processor


def load_model(files: ModelFiles, dtype: torch.dtype) -> Any:
    """Load a model for inference, on the CPU.

    Weights that the model doesn't use may be left over in the files, as in many published ones; none may be missing.

    Raises:
        RewardError: The weights can't be read, or some are missing or of another shape.
    """
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText

    try:
        with quiet_transformers():
            model, report = AutoModelForImageTextToText.from_pretrained(
                files.folder,
                local_files_only=True,
                trust_remote_code=False,
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except ImportError as error:
        raise missing_dependency(f"{files.where} can't be loaded ({_one_line(error)})", "vqascore") from None
    except (*UNREADABLE, SafetensorError, StrictDataclassError) as error:
        raise RewardError(f"The weights of {files.where} can't be read: {_one_line(error)}") from None
    misshaped = [str(key[0] if isinstance(key, tuple) else key) for key in report["mismatched_keys"]]
    if report["missing_keys"] or misshaped:
        check_keys(files.where, report["missing_keys"], report["unexpected_keys"], misshaped)
    return model.eval()


def _check_type(files: ModelFiles) -> None:
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KNOWN

    path = files.folder / "config.json"
    try:
        config = json_of(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RewardError(f"{files.where} is incomplete: config.json missing.") from None
    except (OSError, ValueError) as error:
        raise RewardError(f"{files.where}: config.json can't be read: {_one_line(error)}") from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in KNOWN:
        code = (
            " Code that comes with a model is never run." if isinstance(config, dict) and "auto_map" in config else ""
        )
        raise RewardError(
            f"{files.where} holds a model of type {kind!r}; expected an image-text-to-text model that transformers "
            f"knows, such as qwen2_5_vl, paligemma or internvl.{code}"
        )
    try:
        loaded = AutoConfig.from_pretrained(files.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        # A configuration class may raise anything on values that it doesn't expect.
        raise RewardError(f"{files.where}: config.json can't be read: {_one_line(error)}") from None
    if loaded.is_encoder_decoder:
        raise RewardError(
            f"{files.where} holds an encoder-decoder ({kind}); expected a model that continues a given text."
        )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
