"""The encoded texts of a table, beside its shards: one process encodes them, and all that score the table read them.

Numbers of encoded texts depend in their last digits on what they were encoded with. Rewards of the same texts by
different workers are equal since all take what the first of them wrote.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Protocol

import numpy as np

from tia2.rewards.base import Rewards
from tia2.storage import StoredFolder

_START, _ENDING = "texts-", ".npz"


class KeptTexts(Protocol):
    """Where encoded texts are kept."""

    def read(self) -> Rewards | None:
        """Return the encoded texts, shape (texts, features), float32; None where nobody has kept them."""
        ...

    def keep(self, features: Rewards) -> Rewards:
        """Keep encoded texts, and return those that count: another process may have been faster."""
        ...


class StoredTexts:
    """Encoded texts in a file of a table's folder, in NumPy's compressed-archive format, which has checksums.

    Args:
        folder: The table's folder.
        key: The table's key, so that those of another table aren't taken.
        texts: Number of distinct texts.
    """

    def __init__(self, folder: StoredFolder, key: str, texts: int) -> None:
        self._folder, self._name, self._texts = folder, f"{_START}{key[:16]}{_ENDING}", texts

    def read(self) -> Rewards | None:
        """Return the encoded texts; None where nobody has kept them, or the file is damaged."""
        try:
            with np.load(io.BytesIO(self._folder.read(self._name)), allow_pickle=False) as archive:
                features: Rewards = archive["features"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
        fits = features.ndim == 2 and len(features) == self._texts and features.dtype == np.float32
        return features if fits else None

    def keep(self, features: Rewards) -> Rewards:
        """Keep encoded texts, and return those that count: another process may have been faster."""
        sink = io.BytesIO()
        np.savez(sink, features=features)
        if self._folder.create(self._name, sink.getvalue()):
            return features
        earlier = self.read()
        if earlier is None:
            self._folder.write(self._name, sink.getvalue())
        return features if earlier is None else earlier


def forget_texts(folder: StoredFolder) -> None:
    """Delete the encoded texts in a table's folder, which a whole table has no use for.

    Args:
        folder: The table's folder.
    """
    for name in folder.names():
        if name.startswith(_START) and name.endswith(_ENDING):
            folder.delete(name)
