"""Find the files of a CLIP, in a folder or on the hub, and say in one line what is wrong with them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tia2.errors import RewardError

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""Where the weights may be, best first."""

SMALL_FILES = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "card.json",
)
"""What else is read."""

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class ClipFiles:
    """The checked files of a CLIP.

    Attributes:
        folder: Where they are on this machine.
        hub_id: Where they came from, or None.
        revision: The commit on the hub, or None.
        config: config.json.
        preprocessing: preprocessor_config.json.
        card: card.json, or empty.
    """

    folder: Path
    hub_id: str | None
    revision: str | None
    config: dict[str, Any]
    preprocessing: dict[str, Any]
    card: dict[str, Any]

    def digest(self) -> str:
        """Return the SHA-256 over every file that changes a reward, by name and content."""
        total = hashlib.sha256()
        weights = _weights(self.folder)
        others = [self.folder / name for name in SMALL_FILES if name != "card.json"]
        for path in [*weights, *(path for path in others if path.is_file())]:
            total.update(f"{path.name} {_sha256(path)}\n".encode())
        return total.hexdigest()


def find(source: str, revision: str | None) -> ClipFiles:
    """Find and check the files of a CLIP.

    Args:
        source: A folder, or the id of a model on the Hugging Face Hub.
        revision: Branch, tag or commit on the hub.

    Raises:
        RewardError: Not found, not reachable, incomplete, or no CLIP.
    """
    local = Path(source).expanduser()
    if local.is_dir():
        if revision is not None:
            raise RewardError(f"revision={revision!r} is for models from the hub; {source!r} is a folder.")
        return _checked(local, None, None)
    if not _HUB_ID.fullmatch(source) or source.startswith("."):
        raise RewardError(f"There is no folder {source!r}, and it is no hub id (organisation/model) either.")
    folder = _download(source, revision)
    return _checked(folder, source, folder.name)


def _checked(folder: Path, hub_id: str | None, revision: str | None) -> ClipFiles:
    where = hub_id or str(folder)
    config = _json(folder / "config.json", where)
    if config.get("model_type") != "clip":
        raise RewardError(
            f"{where} holds a model of type {config.get('model_type')!r}; expected 'clip', transformers' CLIPModel."
        )
    missing = []
    if not _weights(folder):
        missing.append(WEIGHTS[0])
    if not (folder / "tokenizer.json").is_file():
        missing += [name for name in ("vocab.json", "merges.txt") if not (folder / name).is_file()]
    preprocessing = _json(folder / "preprocessor_config.json", where, required=False)
    if not preprocessing:
        preprocessing = _json(folder / "processor_config.json", where, required=False).get("image_processor", {})
    if not preprocessing:
        missing.append("preprocessor_config.json")
    if missing:
        raise RewardError(f"{where} is incomplete: {', '.join(missing)} missing.")
    return ClipFiles(
        folder, hub_id, revision, config, preprocessing, _json(folder / "card.json", where, required=False)
    )


def _weights(folder: Path) -> list[Path]:
    """Return the files of the weights: one, or an index and its parts; empty when there are none."""
    first = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if first is None or first.suffix != ".json":
        return [first] if first else []
    parts = sorted(set(_json(first, str(folder)).get("weight_map", {}).values()))
    absent = [part for part in parts if not (folder / part).is_file()]
    if absent or not parts:
        raise RewardError(f"{folder} is incomplete: {', '.join(absent) or 'parts of the weights'} missing.")
    return [first, *(folder / part for part in parts)]


def _sha256(path: Path) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def _json(path: Path, where: str, *, required: bool = True) -> dict[str, Any]:
    if not path.is_file():
        if required:
            raise RewardError(f"{where} is incomplete: {path.name} missing.")
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RewardError(f"{where}: {path.name} can't be read: {error}") from None
    if not isinstance(value, dict):
        raise RewardError(f"{where}: {path.name} holds {type(value).__name__}, not an object.")
    return value


def _download(hub_id: str, revision: str | None) -> Path:
    safetensors = [*SMALL_FILES, "model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors"]
    folder = _snapshot(hub_id, revision, safetensors)
    if not any((folder / name).is_file() for name in WEIGHTS[:2]):
        folder = _snapshot(hub_id, revision, [*SMALL_FILES, "pytorch_model.bin*", "pytorch_model-*-of-*.bin"])
    return folder


def _snapshot(hub_id: str, revision: str | None, patterns: Iterable[str]) -> Path:
    from huggingface_hub import errors, snapshot_download

    of = f" at revision {revision!r}" if revision else ""
    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(patterns)))
    except errors.GatedRepoError:
        raise RewardError(f"{hub_id} is gated: ask for access on its page, then `hf auth login`.") from None
    except errors.RevisionNotFoundError:
        raise RewardError(f"{hub_id} has no revision {revision!r} on the Hugging Face Hub.") from None
    except errors.RepositoryNotFoundError:
        raise RewardError(f"There is no folder {hub_id!r}, and no such model on the Hugging Face Hub.") from None
    except errors.LocalEntryNotFoundError:
        raise RewardError(
            f"There is no folder {hub_id!r}, and the Hugging Face Hub can't be reached for the model of that name{of}: "
            "check the network, or give a local folder."
        ) from None
    except (OSError, errors.HfHubHTTPError, errors.HFValidationError) as error:
        raise RewardError(f"{hub_id}{of} can't be downloaded: {' '.join(str(error).split())}") from None
