"""Tensors in files: written whole or not at all, and checked when they are read."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tia2.errors import FinetuneError, first_line
from tia2.files import replacing


def save_tensors(path: Path, content: Mapping[str, Any], advice: str = "Nothing was changed.") -> None:
    """Write tensors and plain data.

    Args:
        path: The file.
        content: Tensors, numbers, texts, and lists and dictionaries of them.
        advice: A sentence that ends the error's text.

    Raises:
        FinetuneError: The file can't be written; what it held before is still there.
    """
    import torch

    with replacing(path, FinetuneError, advice) as unfinished:
        try:
            torch.save(dict(content), unfinished)
        except RuntimeError as error:  # how torch's writer says that the disk is full
            raise FinetuneError(f"{path} can't be written: {first_line(error)}. {advice}") from None


def load_tensors(path: Path, remedy: str) -> dict[str, Any]:
    """Read what `save_tensors` wrote, onto the CPU.

    Args:
        path: The file.
        remedy: A sentence that ends the error's text.

    Raises:
        FinetuneError: The file is damaged.
    """
    import torch

    try:
        # torch checks no sums while it reads: without this, a flipped bit would be trained on.
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"{damaged} fails its checksum")
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both readers raise anything on a torn file
        raise FinetuneError(f"{path} is damaged ({' '.join(str(error).split())[:120]}). {remedy}") from None
    return content
