"""Every reward of one reward model on one benchmark."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tia2.errors import ScoreTableError
from tia2.scoring.table_files import Shard, TableFiles

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tia2.scoring.manifest import Manifest


class ScoreTable:
    """Every reward of one reward model on one benchmark: for each item, the prompt's and each contrastive prompt's.

    Attributes:
        manifest: The benchmark, the reward model, and the settings of the run.
        items: The benchmark's columns but the image, and `texts`: the prompt, then its contrastive prompts, each once.
        rewards: (n_items, max |texts|), float32; column j belongs to the item's j-th text, NaN where there is none.
        mask: Same shape; whether there is a text.
        image_sha256: SHA-256 hex digest of each item's image file.
        computed: Number of items whose rewards the call of `score` that returned the table computed; 0 for a table that
            was finished already, or loaded.

    Example:
        >>> from datasets import Dataset
        >>> from PIL import Image
        >>> import tia2
        >>> row = {"item_id": "a/0", "subset": "a", "prompt_id": "a/0", "prompt": "a cat", "votes": [1, 1, 0],
        ...        "contrastive_prompts": ["two cats"], "image": Image.new("RGB", (8, 8))}
        >>> table = tia2.score(lambda images, texts: [float(len(text)) for text in texts], Dataset.from_list([row]))
        >>> table.rewards.tolist(), table.raw.tolist()
        ([[5.0, 8.0]], [5.0])
    """

    def __init__(self, manifest: Manifest, items: pd.DataFrame, shards: Sequence[Shard]) -> None:
        self.manifest = manifest
        self.items = items
        self.computed = 0
        self.image_sha256 = [sha for shard in shards for sha in shard.image_sha256]
        rows = [row for shard in shards for row in shard.rewards]
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        self.mask: NDArray[np.bool_] = np.arange(lengths.max(initial=0)) < lengths[:, None]
        self.rewards: NDArray[np.float32] = np.full(self.mask.shape, np.nan, dtype=np.float32)
        self.rewards[self.mask] = np.concatenate(rows) if rows else []

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return (
            f"ScoreTable({self.name!r} on {self.manifest.benchmark.name!r}: "
            f"{len(self):,} items, {int(self.mask.sum()):,} rewards)"
        )

    @property
    def name(self) -> str:
        """The reward model's name."""
        return self.manifest.reward.name

    @cached_property
    def skipped(self) -> list[str]:
        """The ids of the items without rewards, because their images could not be read; usually none."""
        absent = np.isnan(self.rewards[:, 0]) if len(self) else np.zeros(0, dtype=np.bool_)
        return list(self.items["item_id"].to_numpy()[absent])

    @cached_property
    def raw(self) -> NDArray[np.float32]:
        """The reward of each item's own prompt, (n_items,)."""
        column: NDArray[np.float32] = self.rewards[:, 0].copy()
        return column

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ScoreTable:
        """Read the folder of a finished score table.

        Args:
            path: The folder that `tia2 score` got as --out, or the URL of one.

        Returns:
            The score table.

        Raises:
            ScoreTableError: It is no score table, damaged, or not complete.
        """
        files = TableFiles(path)
        if not files.has_manifest():
            raise ScoreTableError(
                f"{path} holds no score table (no manifest.json). `tia2 score --out {path}` makes one."
            )
        manifest = files.read_manifest()
        if not manifest.complete:
            done = len(files.shard_numbers() & set(range(len(manifest.shards))))
            raise ScoreTableError(
                f"{path} is not complete, {done} of {len(manifest.shards)} shards are there: "
                "score again with the same --out to finish it."
            )
        items = files.read_items(manifest.items_digest)
        if len(items) != manifest.benchmark.items:
            raise ScoreTableError(
                f"{files.items_path} has {len(items)} items, its manifest {manifest.benchmark.items}: score again."
            )
        if manifest.items_digest is None:
            _check_old_items(manifest, items, files.items_path)
        ids, lengths = items["item_id"].tolist(), [len(texts) for texts in items["texts"]]
        shards = [
            files.read_shard(number, manifest.key, ids[rows.start : rows.stop], lengths[rows.start : rows.stop])
            for number, rows in enumerate(manifest.shards)
        ]
        return cls(manifest, items, shards)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the table to a folder that is empty or new, from where `load` reads it.

        Args:
            path: The folder, or the URL of one.

        Raises:
            ScoreTableError: The folder holds something already, or can't be written to.
        """
        files = TableFiles(path)
        if not files.is_empty():
            raise ScoreTableError(f"{path} holds a score table already: save to another folder.")
        digest = files.write_items(self.items)
        for number, rows in enumerate(self.manifest.shards):
            rewards = [self.rewards[row][self.mask[row]] for row in rows]
            ids = self.items["item_id"].tolist()[rows.start : rows.stop]
            shard = Shard(ids, self.image_sha256[rows.start : rows.stop], rewards)
            files.write_shard(number, shard, self.manifest.key)
        files.write_manifest(self.manifest.model_copy(update={"items_digest": digest}))


def _check_old_items(manifest: Manifest, items: pd.DataFrame, path: str | Path) -> None:
    """Check items against the fingerprints of a manifest of before schema 2, which has no digest of them."""
    from tia2.benchmark.items import ASKED, SCORED, digest

    if manifest.schema_version > 1 or not {*ASKED, *SCORED, "label", "texts"} <= set(items.columns):
        return
    # Tables that a leaderboard took over have each contrastive prompt once, and their fingerprint needn't follow.
    as_released = [list(texts[1:]) for texts in items["texts"]] != items["contrastive_prompts"].tolist()
    changed = []
    if as_released and digest(items[list(ASKED)]) != manifest.benchmark.fingerprint:
        changed.append("ids, prompts or contrastive prompts")
    if digest(items[list(SCORED)]) != manifest.benchmark.votes_fingerprint:
        changed.append("human scores")
    scores = items["human_score"]
    if scores.between(0, 1).all() and ((scores > 0.5) != items["label"]).any():
        changed.append("labels")
    if changed:
        raise ScoreTableError(
            f"{path} has other {' and '.join(changed)} than the table was scored with. "
            "Score again with the same --out and the benchmark: rewards are kept, items are written again."
        )
