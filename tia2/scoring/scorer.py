"""Score a benchmark: every text encoded once, every image once, kept shard by shard."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.benchmark import prompt_set
from tia2.errors import BenchmarkError, RewardError, ScoreTableError
from tia2.rewards.base import checked
from tia2.rewards.devices import cpu_count
from tia2.rewards.dual import DualEncoder
from tia2.rewards.encoder import Encoder
from tia2.rewards.functions import FunctionReward
from tia2.rewards.registry import load_reward
from tia2.scoring.images import ImageLoader, Loaded, image_digests
from tia2.scoring.manifest import Manifest
from tia2.scoring.store import Shard, Store
from tia2.scoring.table import ScoreTable

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    from numpy.typing import NDArray

    from tia2.benchmark import Benchmark
    from tia2.rewards import RewardModel

SHARD_SIZE = 256
"""Items in one file; at most so many are scored anew after a crash."""

BATCH_SIZE = 64
"""Images at a time, for reward models that don't say."""

MOST_WORKERS = 8
"""More threads than this don't feed one model faster."""

Progress = Callable[[int, int], None]
Texts = tuple[str, ...]


def score(
    reward: RewardModel | str | os.PathLike[str] | Callable[..., Any],
    benchmark: Benchmark | str | os.PathLike[str] | datasets.Dataset,
    out: str | os.PathLike[str] | None = None,
    *,
    batch_size: int | None = None,
    shard_size: int = SHARD_SIZE,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ScoreTable:
    """Score every item of a benchmark against its prompt and contrastive prompts.

    A dual encoder encodes each distinct text and each image once. With `out`, rewards are kept shard by shard: a run
    that was killed goes on where it stopped and ends with the same bytes, and a finished table is not scored again. A
    shard whose images have changed since is scored anew.

    Args:
        reward: A reward model, what `load_reward` takes, or a function `(images, texts) -> rewards`.
        benchmark: A benchmark, or what `tia2.benchmark.load` takes; with images.
        out: The folder to keep the table in; None keeps it in memory only.
        batch_size: Images at a time. If None, that of the run that is resumed, or else of the reward model. Another
            batch size may change the last digits.
        shard_size: Items in one file.
        overwrite: Delete another table in `out`, rather than refuse it.
        progress: Called after every batch with the items done and the items in all.

    Returns:
        The score table.

    Raises:
        BenchmarkError: Images are missing or damaged.
        RewardError: The reward model can't be loaded, or returned something else than finite numbers.
        ScoreTableError: `out` holds something else, or can't be written to.

    Example:
        >>> import tia2
        >>> table = tia2.score("mini-strong", "mini", out="runs/mini-strong")  # doctest: +SKIP
    """
    from tia2.benchmark import load

    model = load_reward(reward)
    loaded = load(benchmark)
    spec = os.fspath(reward) if isinstance(reward, str | os.PathLike) else _qualified(reward)
    return Scorer(model, loaded, spec, batch_size, shard_size).run(Path(out) if out else None, overwrite, progress)


class Scorer:
    """One scoring run.

    Args:
        model: The reward model.
        benchmark: The benchmark.
        spec: How the model was asked for.
        batch_size: Images at a time, or None.
        shard_size: Items in one file.

    Raises:
        ScoreTableError: A size is below 1.
    """

    def __init__(
        self, model: RewardModel, benchmark: Benchmark, spec: str, batch_size: int | None, shard_size: int = SHARD_SIZE
    ) -> None:
        for what, size in (("batch_size", batch_size), ("shard_size", shard_size)):
            if size is not None and size < 1:
                raise ScoreTableError(f"{what} is {size}; expected at least 1.")
        self.model = model
        self.benchmark = benchmark
        self.items = with_texts(benchmark.items)
        self._texts: list[Texts] = [tuple(texts) for texts in self.items["texts"]]
        self._ids: list[str] = self.items["item_id"].tolist()
        self._batch_size_given = batch_size is not None
        own = _first_batch_size(model)
        self.manifest = Manifest.begin(
            model,
            benchmark,
            spec=spec,
            batch_size=batch_size or own,
            shard_size=shard_size,
            texts=len(self._distinct),
            truncated_texts=len(model.overlong(self._distinct)) if isinstance(model, DualEncoder) else 0,
        )

    def run(self, out: Path | None, overwrite: bool = False, progress: Progress | None = None) -> ScoreTable:
        """Score what is not scored yet, and return the table."""
        store = Store(out) if out else None
        if store:
            self._open(store, overwrite)
        shards = self.manifest.shards
        found = [self._kept(store, number) for number in range(len(shards))]
        total = len(self.benchmark)
        done = sum(len(rows) for rows, shard in zip(shards, found, strict=True) if shard)
        if done < total and not self.benchmark.has_images:
            self._no_images()
        report = progress or (lambda *_: None)
        report(done, total)
        if done < total:
            if store:
                store.write_manifest(self.manifest)
            with self._loader() as loader:
                for number, rows in enumerate(shards):
                    if found[number] is None:
                        found[number] = self._make(store, number, loader, partial(_ahead, report, done, total))
                        done += len(rows)
                        report(done, total)
        whole = [shard for shard in found if shard is not None]
        digest = hashlib.sha256("\n".join(sha for shard in whole for sha in shard.image_sha256).encode()).hexdigest()
        self.manifest = self.manifest.model_copy(update={"images_fingerprint": digest, "complete": True})
        if store:
            store.write_items(self.items)
            store.write_manifest(self.manifest)
        return ScoreTable(self.manifest, self.items, whole)

    def _open(self, store: Store, overwrite: bool) -> None:
        """Take up the table that is in a folder, or make sure that there is room for one."""
        if store.is_empty():
            return
        if overwrite:
            store.clear()
            return
        there = Manifest.read(store.manifest_path)
        if different := there.differences(self.manifest):
            raise ScoreTableError(
                f"{store.folder} holds another score table: {'; '.join(different)}. "
                "Score to another folder, or with --overwrite (overwrite=True)."
            )
        # Votes may have changed since, which no reward depends on.
        now: dict[str, object] = {"benchmark": self.manifest.benchmark, "complete": False}
        if self._batch_size_given:
            now["batch_size"] = self.manifest.batch_size
        self.manifest = there.model_copy(update=now)

    def _kept(self, store: Store | None, number: int) -> Shard | None:
        """Return a shard that an earlier run wrote, if it is whole and its images are still the same."""
        if store is None or not store.shard_path(number).is_file():
            return None
        rows = self.manifest.shards[number]
        lengths = [len(self._texts[index]) for index in rows]
        try:
            shard = store.read_shard(number, self.manifest.key, self._ids[rows.start : rows.stop], lengths)
        except ScoreTableError:
            return None
        now = image_digests(self.benchmark, rows)
        same = all(new in (None, old) for new, old in zip(now, shard.image_sha256, strict=True))
        return shard if same else None

    def _make(self, store: Store | None, number: int, loader: ImageLoader, report: Callable[[int], None]) -> Shard:
        """Return a shard: scored and stored, or from another process on the same folder that was faster."""
        if kept := self._kept(store, number):
            return kept
        rows = self.manifest.shards[number]
        shas: list[str] = []
        rewards: list[NDArray[np.float32]] = []
        batch: list[Loaded] = []
        for image in loader.load(rows):
            batch.append(image)
            if len(batch) == self.manifest.batch_size or image.item == rows[-1]:
                shas += [one.sha256 for one in batch]
                rewards += self._rewards(batch)
                report(len(rewards))
                batch = []
        shard = Shard(self._ids[rows.start : rows.stop], shas, rewards)
        if store:
            store.write_shard(number, shard, self.manifest.key)
        return shard

    def _rewards(self, batch: Sequence[Loaded]) -> list[NDArray[np.float32]]:
        """Return each image's rewards with its texts."""
        groups: dict[Texts, list[int]] = {}
        for place, image in enumerate(batch):
            groups.setdefault(self._texts[image.item], []).append(place)
        prepared = [image.prepared for image in batch]
        dual = self.model if isinstance(self.model, DualEncoder) else None
        features = dual.encode_prepared(prepared, batch_size=len(prepared)) if dual else None
        rewards: list[NDArray[np.float32]] = [np.zeros(0, dtype=np.float32)] * len(batch)
        for texts, places in groups.items():
            if dual is not None and features is not None:
                columns = [self._column[text] for text in texts]
                found: Any = dual.similarity(features[places], self._text_features[columns])
            else:
                found = self.model.score_matrix([prepared[place] for place in places], list(texts))
            matrix = checked(found, (len(places), len(texts)), self.model.name)
            for place, row in zip(places, matrix, strict=True):
                self._check_finite(row, batch[place].item)
                rewards[place] = row
        return rewards

    def _check_finite(self, row: NDArray[np.float32], index: int) -> None:
        bad = np.flatnonzero(~np.isfinite(row))
        if bad.size:
            text = self._texts[index][bad[0]]
            raise RewardError(
                f"Reward {self.model.name!r} gave {row[bad[0]]} for item {self._ids[index]} with {text!r}; "
                f"expected a finite number ({bad.size} of this item's {row.size} are not)."
            )

    def _loader(self) -> ImageLoader:
        prepare = self.model.prepare_image if isinstance(self.model, DualEncoder) else _as_it_is
        return ImageLoader(
            self.benchmark, prepare, workers=min(MOST_WORKERS, cpu_count()), ahead=2 * self.manifest.batch_size
        )

    @cached_property
    def _distinct(self) -> list[str]:
        return list(dict.fromkeys(text for texts in dict.fromkeys(self._texts) for text in texts))

    @cached_property
    def _column(self) -> dict[str, int]:
        return {text: column for column, text in enumerate(self._distinct)}

    @cached_property
    def _text_features(self) -> NDArray[np.float32]:
        if not isinstance(self.model, DualEncoder):
            return np.zeros((0, 0), dtype=np.float32)
        return self.model.encode_texts(self._distinct, batch_size=self.manifest.batch_size)

    def _no_images(self) -> None:
        missing = self.benchmark.missing_images
        raise BenchmarkError(
            f"{len(missing):,} of {len(self.benchmark):,} items of benchmark {self.benchmark.name!r} have no image, "
            f"the first is {missing[0]}. `tia2 data download` says how to get the images."
        )


def with_texts(items: pd.DataFrame) -> pd.DataFrame:
    """Return a benchmark's items with a column `texts`: the prompt, then its contrastive prompts, each once."""
    pairs = zip(items["prompt"], items["contrastive_prompts"], strict=True)
    texts: Any = [prompt_set(prompt, contrastive) for prompt, contrastive in pairs]
    extended: pd.DataFrame = items.assign(texts=texts)
    return extended


def _ahead(report: Progress, before: int, total: int, more: int) -> None:
    report(before + more, total)


def _as_it_is(image: Any) -> Any:
    return image


def _qualified(value: Any) -> str:
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def _first_batch_size(model: RewardModel) -> int:
    if isinstance(model, Encoder):
        return model.first_batch_size
    return model.batch_size if isinstance(model, FunctionReward) else BATCH_SIZE
