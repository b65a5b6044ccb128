"""Find the files of a model in transformers' layout, in a folder or on the hub, and say in one line what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tia2.errors import RewardError
from tia2.files import json_of
from tia2.rewards.loading.hub import commit_of, fetch_folder, is_hub_id

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""Files that may hold the weights, best first."""

SMALL_FILES = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "spiece.model",
    "card.json",
)
"""Other files that are read."""

FAMILIES = {
    "clip": "clip",
    "siglip": "siglip",
    "siglip2": "siglip",
    "blip": "blip-itm",
    "blip-2": "blip2-itm",
    "qwen2_vl": "vqascore",
    "qwen2_5_vl": "vqascore",
    "qwen3_vl": "vqascore",
    "paligemma": "vqascore",
    "internvl": "vqascore",
    "llava": "vqascore",
}
"""The family of rewards for each `model_type` of transformers."""


@dataclass(frozen=True)
class PretrainedFiles:
    """The checked files of a model.

    Attributes:
        folder: Folder on this machine.
        hub_id: Id of the model on the hub, or None.
        revision: The commit on the hub, or None.
        config: config.json, or empty.
        preprocessing: Settings of the image processor, or empty. Values of null, which stand for the processor's
            default, are left out.
        card: card.json, or empty.
    """

    folder: Path
    hub_id: str | None
    revision: str | None
    config: dict[str, Any]
    preprocessing: dict[str, Any]
    card: dict[str, Any]

    @property
    def where(self) -> str:
        """Name of the model in errors."""
        return self.hub_id or str(self.folder)

    @property
    def name(self) -> str:
        """The hub id, or the folder's name."""
        return self.hub_id or self.folder.resolve().name

    def weights(self) -> list[Path]:
        """Return the files of the weights: one, or an index and its parts; empty when there are none."""
        first = next((self.folder / name for name in WEIGHTS if (self.folder / name).is_file()), None)
        if first is None or first.suffix != ".json":
            return [first] if first else []
        parts = sorted(set(_json(first, self.where).get("weight_map", {}).values()))
        absent = [part for part in parts if not (self.folder / part).is_file()]
        if absent or not parts:
            raise RewardError(f"{self.where} is incomplete: {', '.join(absent) or 'parts of the weights'} missing.")
        return [first, *(self.folder / part for part in parts)]

    def small_files(self) -> list[Path]:
        """Return the other files that change a reward."""
        paths = [self.folder / name for name in SMALL_FILES if name != "card.json"]
        return [path for path in paths if path.is_file()]

    def tokenizer_config(self) -> dict[str, Any]:
        """Return tokenizer_config.json, or nothing."""
        return _json(self.folder / "tokenizer_config.json", self.where)

    def has_tokenizer(self, *needed: str) -> bool:
        """Whether the tokenizer is there: a tokenizer.json, or all of the needed files."""
        return not self._missing_tokenizer(needed)

    def check_complete(self, *tokenizer: str, weights: bool = True, preprocessing: bool = True) -> None:
        """Raise a RewardError that lists what is missing of weights, tokenizer and preprocessing.

        Args:
            *tokenizer: The files that make a tokenizer where there is no tokenizer.json, if one is needed.
            weights: Whether weights are needed.
            preprocessing: Whether a preprocessor_config.json is needed.
        """
        missing = [WEIGHTS[0]] if weights and not self.weights() else []
        missing += self._missing_tokenizer(tokenizer)
        if preprocessing and not self.preprocessing:
            missing.append("preprocessor_config.json")
        if missing:
            raise RewardError(f"{self.where} is incomplete: {', '.join(missing)} missing.")

    def _missing_tokenizer(self, needed: Iterable[str]) -> list[str]:
        if (self.folder / "tokenizer.json").is_file():
            return []
        return [name for name in needed if not (self.folder / name).is_file()]


def find_model(source: str, revision: str | None, classes: Mapping[str, str]) -> PretrainedFiles:
    """Find the files of a model and check its type.

    Args:
        source: A folder, or the id of a model on the Hugging Face Hub.
        revision: Branch, tag or commit on the hub.
        classes: The model types that config.json may say, and what transformers calls such models.

    Raises:
        RewardError: Not found, not reachable, or a model of another type; the text names the family that takes it.
    """
    files = _find(source, revision, weights=True)
    model_type = files.config.get("model_type")
    if not files.config:
        raise RewardError(f"{files.where} is incomplete: config.json missing.")
    if model_type not in classes:
        family = FAMILIES.get(str(model_type))
        advice = f" For this model use {family + ':' + source!r}." if family else ""
        expected = " or ".join(f"{kind!r}, transformers' {model_class}" for kind, model_class in classes.items())
        raise RewardError(f"{files.where} holds a model of type {model_type!r}; expected {expected}.{advice}")
    return files


def find_processor(source: str, revision: str | None = None) -> PretrainedFiles:
    """Find the files of a tokenizer and an image processor, without any weights.

    Args:
        source: A folder, or the id of a model on the Hugging Face Hub.
        revision: Branch, tag or commit on the hub.

    Raises:
        RewardError: Not found or not reachable.
    """
    return _find(source, revision, weights=False)


def _find(source: str, revision: str | None, *, weights: bool) -> PretrainedFiles:
    local = Path(source).expanduser()
    if local.is_dir():
        if revision is not None:
            raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is a folder.")
        return _read(local, None)
    if not is_hub_id(source):
        raise RewardError(f"There is no folder {source!r}, and it is no hub id (organisation/model) either.")
    return _read(_download(source, revision, weights), source)


def _read(folder: Path, hub_id: str | None) -> PretrainedFiles:
    where = hub_id or str(folder)
    preprocessing = _json(folder / "preprocessor_config.json", where)
    if not preprocessing:
        preprocessing = _json(folder / "processor_config.json", where).get("image_processor") or {}
    return PretrainedFiles(
        folder=folder,
        hub_id=hub_id,
        revision=commit_of(folder) if hub_id else None,
        config=_json(folder / "config.json", where),
        preprocessing={key: value for key, value in preprocessing.items() if value is not None},
        card=_json(folder / "card.json", where),
    )


def _json(path: Path, where: str) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json_of(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RewardError(f"{where}: {path.name} can't be read: {error}") from None
    if not isinstance(value, dict):
        raise RewardError(f"{where}: {path.name} holds {type(value).__name__}, not an object.")
    return value


def _download(hub_id: str, revision: str | None, weights: bool) -> Path:
    if not weights:
        return fetch_folder(hub_id, revision, SMALL_FILES)
    safetensors = [*SMALL_FILES, "model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors"]
    folder = fetch_folder(hub_id, revision, safetensors)
    if not any((folder / name).is_file() for name in WEIGHTS[:2]):
        folder = fetch_folder(hub_id, revision, [*SMALL_FILES, "pytorch_model.bin*", "pytorch_model-*-of-*.bin"])
    return folder
