"""Score a benchmark: every text encoded once, every image once, kept shard by shard."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tia2.benchmark import prompt_set
from tia2.errors import BenchmarkError, RewardError, ScoreTableError
from tia2.rewards.loading.batching import halving
from tia2.rewards.loading.devices import cpu_count
from tia2.rewards.registry import load_reward
from tia2.scoring.images import ImageLoader, Loaded, image_digests
from tia2.scoring.manifest import Manifest
from tia2.scoring.store import Shard, Store
from tia2.scoring.strategies import Progress, Texts, first_batch_size, kind_of, truncated
from tia2.scoring.table import ScoreTable

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    from numpy.typing import NDArray

    from tia2.benchmark import Benchmark
    from tia2.rewards import RewardModel

SHARD_SIZE = 256
"""Items in one file; at most so many are scored anew after a crash."""

MOST_WORKERS = 8
"""More threads than this don't feed one model faster."""

NAMED = 3
"""How many bad images an error names."""

BadImages = Literal["stop", "skip"]


def score(
    reward: RewardModel | str | os.PathLike[str] | Callable[..., Any],
    benchmark: Benchmark | str | os.PathLike[str] | datasets.Dataset,
    out: str | os.PathLike[str] | None = None,
    *,
    batch_size: int | None = None,
    shard_size: int = SHARD_SIZE,
    bad_images: BadImages = "stop",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ScoreTable:
    """Score every item of a benchmark against its prompt and contrastive prompts.

    A dual encoder encodes each distinct text and each image once; a cross-encoder runs its image part once an image and
    its text part once a pair. When memory runs out, the batch size is halved and the shard begun anew.

    With `out`, rewards are kept shard by shard: a run that was killed goes on where it stopped and ends with the same
    bytes, and a finished table is not scored again. A shard whose images have changed since is scored anew.

    Args:
        reward: A reward model, what `load_reward` takes, or a function `(images, texts) -> rewards`.
        benchmark: A benchmark, or what `tia2.benchmark.load` takes; with images.
        out: The folder to keep the table in; None keeps it in memory only.
        batch_size: Images at a time. If None, that of the run that is resumed, or else one that suits model and device.
            Another batch size may change the last digits.
        shard_size: Items in one file.
        bad_images: What to do with missing and damaged images: "stop" names them and keeps what is done, "skip" goes on
            without their items, whose rewards are NaN; `ScoreTable.skipped` names them.
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
    scorer = Scorer(model, loaded, spec, batch_size, shard_size, bad_images)
    return scorer.run(Path(out) if out else None, overwrite, progress)


class Scorer:
    """One scoring run.

    Args:
        model: The reward model.
        benchmark: The benchmark.
        spec: How the model was asked for.
        batch_size: Images at a time, or None.
        shard_size: Items in one file.
        bad_images: "stop" or "skip".

    Raises:
        ScoreTableError: A size is below 1, or `bad_images` is something else.
    """

    def __init__(
        self,
        model: RewardModel,
        benchmark: Benchmark,
        spec: str,
        batch_size: int | None,
        shard_size: int = SHARD_SIZE,
        bad_images: BadImages = "stop",
    ) -> None:
        for what, size in (("batch_size", batch_size), ("shard_size", shard_size)):
            if size is not None and size < 1:
                raise ScoreTableError(f"{what} is {size}; expected at least 1.")
        if bad_images not in ("stop", "skip"):
            raise ScoreTableError(f"bad_images is {bad_images!r}; expected 'stop' or 'skip'.")
        self.model = model
        self.benchmark = benchmark
        self.items = with_texts(benchmark.items)
        self._bad_images = bad_images
        self._kind = kind_of(model)
        self._begun = False
        self._text_progress: Progress = lambda *_: None
        self._texts: list[Texts] = [tuple(texts) for texts in self.items["texts"]]
        self._distinct = list(dict.fromkeys(text for texts in dict.fromkeys(self._texts) for text in texts))
        self._ids: list[str] = self.items["item_id"].tolist()
        self._batch_size_given = batch_size is not None
        size = batch_size or first_batch_size(model)
        self.manifest = Manifest.begin(
            model,
            benchmark,
            spec=spec,
            batch_size=size,
            shard_size=shard_size,
            texts=len(self._distinct),
            truncated_texts=truncated(model, self._distinct),
        )

    def run(
        self,
        out: Path | None,
        overwrite: bool = False,
        progress: Progress | None = None,
        text_progress: Progress | None = None,
    ) -> ScoreTable:
        """Score what is not scored yet, and return the table.

        Args:
            out: The folder to keep the table in, or None.
            overwrite: Delete another table that is there.
            progress: Called with the items done and the items in all.
            text_progress: Called with the texts done and the texts in all, by models that encode texts beforehand.
        """
        store = Store(out) if out else None
        if store:
            self._open(store, overwrite)
        shards = self.manifest.shards
        found = [self._kept(store, number) for number in range(len(shards))]
        total = len(self.benchmark)
        done = sum(len(rows) for rows, shard in zip(shards, found, strict=True) if shard)
        if done < total:
            self._check_images()
        report = progress or (lambda *_: None)
        self._text_progress = text_progress or (lambda *_: None)
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
        skipped = [item for shard in whole for item in shard.skipped]
        now = {"images_fingerprint": digest, "skipped_items": len(skipped), "complete": True}
        self.manifest = self.manifest.model_copy(update=now)
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
            now |= {"batch_size": self.manifest.batch_size, "text_batch_size": self.manifest.text_batch_size}
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
        if shard.skipped and self._bad_images == "stop":
            return None
        now = image_digests(self.benchmark, rows)
        same = all(new in (None, old) for new, old in zip(now, shard.image_sha256, strict=True))
        return shard if same else None

    def _make(self, store: Store | None, number: int, loader: ImageLoader, report: Callable[[int], None]) -> Shard:
        """Return a shard: scored and stored, or from another process on the same folder that was faster."""
        if kept := self._kept(store, number):
            return kept
        if not self._begun:
            wanted = self.manifest.text_batch_size or self.manifest.batch_size
            size = self._kind.begin(self._distinct, wanted, self._text_progress)
            self._resize(store, text_batch_size=size)
            self._begun = True

        def attempt(size: int) -> Shard:
            return self._score(self.manifest.shards[number], loader, size, report)

        shard, size = halving(attempt, self.manifest.batch_size, self.model.name)
        self._resize(store, batch_size=size)
        if store:
            store.write_shard(number, shard, self.manifest.key)
        return shard

    def _resize(self, store: Store | None, **sizes: int) -> None:
        """Note the batch sizes that fit in memory, so that a resumed run uses the same ones."""
        resized = self.manifest.model_copy(update=sizes)
        if resized != self.manifest:
            self.manifest = resized
            if store:
                store.write_manifest(resized)

    def _score(self, rows: range, loader: ImageLoader, batch_size: int, report: Callable[[int], None]) -> Shard:
        shas: list[str] = []
        rewards: list[NDArray[np.float32]] = []
        bad: list[Loaded] = []
        batch: list[Loaded] = []
        for image in loader.load(rows):
            batch.append(image)
            if len(batch) == batch_size or image.item == rows[-1]:
                bad += [one for one in batch if one.problem]
                shas += [one.sha256 for one in batch]
                rewards += self._rewards(batch)
                report(len(rewards))
                batch = []
        if bad and self._bad_images == "stop":
            self._stop(bad)
        return Shard(self._ids[rows.start : rows.stop], shas, rewards)

    def _rewards(self, batch: list[Loaded]) -> list[NDArray[np.float32]]:
        """Return each image's rewards with its texts, NaN for those of bad images."""
        good = [place for place, image in enumerate(batch) if not image.problem]
        rewards = [np.full(len(self._texts[image.item]), np.nan, dtype=np.float32) for image in batch]
        if good:
            texts = [self._texts[batch[place].item] for place in good]
            found = self._kind.rewards([batch[place].prepared for place in good], texts)
            for place, row in zip(good, found, strict=True):
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
        workers = min(MOST_WORKERS, cpu_count())
        return ImageLoader(self.benchmark, self._kind.prepare, workers=workers, ahead=2 * self.manifest.batch_size)

    def _check_images(self) -> None:
        """Stop before any model runs where images are missing that must not be."""
        missing = self.benchmark.missing_images
        if not missing or (self._bad_images == "skip" and len(missing) < len(self.benchmark)):
            return
        raise BenchmarkError(
            f"{len(missing):,} of {len(self.benchmark):,} items of benchmark {self.benchmark.name!r} have no image, "
            f"the first is {missing[0]}. `tia2 data download` says how to get the images."
        )

    def _stop(self, bad: list[Loaded]) -> None:
        names = ", ".join(self._ids[image.item] for image in bad[:NAMED]) + (", …" if len(bad) > NAMED else "")
        raise BenchmarkError(
            f"{len(bad)} images can't be read ({names}): {bad[0].problem} Mend them, or go on without them by "
            "--skip-bad-images (bad_images='skip'). What was done is kept."
            if len(bad) > 1
            else f"{bad[0].problem} Mend it, or go on without it by --skip-bad-images (bad_images='skip'). "
            "What was done is kept."
        )


def with_texts(items: pd.DataFrame) -> pd.DataFrame:
    """Return a benchmark's items with a column `texts`: the prompt, then its contrastive prompts, each once."""
    pairs = zip(items["prompt"], items["contrastive_prompts"], strict=True)
    texts: Any = [prompt_set(prompt, contrastive) for prompt, contrastive in pairs]
    extended: pd.DataFrame = items.assign(texts=texts)
    return extended


def _ahead(report: Progress, before: int, total: int, more: int) -> None:
    report(before + more, total)


def _qualified(value: Any) -> str:
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
