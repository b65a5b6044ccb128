"""A table in the making, shard by shard, as one process sees it.

Any process may make any shard of a table, and gets the same bytes: a run holds nothing that others need but files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from tia2.devices import cpu_count
from tia2.errors import BenchmarkError, RewardError, ScoreTableError
from tia2.progress import Progress, silent
from tia2.rewards.loading.batching import halving
from tia2.scoring.images import ImageLoader, LoadedImage, image_digests
from tia2.scoring.plan import Plan, ScoringOptions
from tia2.scoring.resuming import Resuming, resumed, warn_of_undigested
from tia2.scoring.strategies import BatchScorer
from tia2.scoring.table import ScoreTable
from tia2.scoring.table_files import Shard, TableFiles, items_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tia2.scoring.manifest import Manifest

MOST_WORKERS = 8
"""More threads than this don't feed one model faster."""

NAMED = 3
"""The number of unreadable images that an error names."""


class TableRun:
    """A table in the making; use it in a `with`.

    Attributes:
        plan: Benchmark and reward model.
        manifest: The manifest that holds now: batch sizes shrink when memory runs out.
        files: The table's folder; None where it is kept in memory only.
    """

    def __init__(
        self, plan: Plan, manifest: Manifest, files: TableFiles | None, begins: Resuming | None = None
    ) -> None:
        self.plan = plan
        self.manifest = manifest
        self.files = files
        self._begins = begins
        self._score_batch: BatchScorer | None = None
        self._images: ImageLoader | None = None

    @classmethod
    def begin(cls, plan: Plan, spec: str, files: TableFiles | None, options: ScoringOptions) -> TableRun:
        """Return a run that resumes the table in a folder, or begins one. Nothing is written yet.

        Args:
            plan: Benchmark and reward model.
            spec: The specification that the reward model was loaded by.
            files: The folder; None for a table in memory.
            options: Options of the run.

        Raises:
            ScoreTableError: The folder holds something else, or what may be of another reward model.
        """
        manifest = plan.manifest(spec, options)
        if not options.trust_fingerprint:
            warn_of_undigested(manifest.reward)
        if files is None:
            return cls(plan, manifest, files)
        treatment = Resuming(
            options.overwrite, options.batch_size is None, options.name is not None, options.trust_fingerprint
        )
        begun = manifest
        manifest = resumed(files, manifest, treatment)
        begins = replace(treatment, overwrite=False) if manifest is begun else None
        return cls(plan, manifest, files, begins)

    def __enter__(self) -> TableRun:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._images is not None:
            self._images.__exit__(*exception)
            self._images = None

    def claim(self) -> None:
        """Write the manifest, by which the folder is a table's from now on.

        Of several processes that begin one at once, the first decides what the manifest says.

        Raises:
            ScoreTableError: Another process has begun another table meanwhile.
        """
        if self.files is None:
            return
        if self._begins is None:
            self.files.write_manifest(self.manifest)
        elif not self.files.create_manifest(self.manifest):
            self.manifest = resumed(self.files, self.manifest, self._begins)
        self._begins = None

    def kept_shards(self) -> list[Shard | None]:
        """Return the shards that somebody wrote, each if it is whole and its images are still the same.

        One listing says which there are. Of each the first image is read again, which finds images that were all made
        again, and every one if the run is to verify them.
        """
        there = self.files.shard_numbers() if self.files else set()
        return [self.kept_shard(number) if number in there else None for number in range(len(self.manifest.shards))]

    def kept_shard(self, number: int) -> Shard | None:
        """Return a shard that somebody wrote, if it is whole and its images are still the same."""
        if self.files is None:
            return None
        rows = self.manifest.shards[number]
        try:
            shard = self._read(number, rows)
        except ScoreTableError:
            return None
        if shard.skipped and self.plan.bad_images == "stop":
            return None
        # To read all images would take as long as to score them, where the reward is fast or they lie far away.
        looked_at = rows if self.plan.verify else rows[:1]
        digests = image_digests(self.plan.benchmark, looked_at)
        # Images that are gone since say nothing against rewards that were computed from them.
        unchanged = all(new in (None, old) for new, old in zip(digests, shard.image_sha256, strict=False))
        return shard if unchanged else None

    def make_shard(self, number: int, done: int = 0, progress: Progress = silent) -> Shard:
        """Score one shard with the batch size that memory allows, and write it.

        Args:
            number: Number of the shard.
            done: Items that were done before, for the progress.
            progress: Called after every batch with "texts" or "items", the number done, and the number in all.

        Raises:
            BenchmarkError: Images are damaged, and are not to be skipped.
            RewardError: The reward model returned something other than finite numbers.
            ScoreTableError: The shard can't be written.
        """
        # Not before the first shard is made: a run that finds everything done encodes no text.
        score_batch, images = self._scorer(progress), self._loader()
        rows, total = self.manifest.shards[number], len(self.plan.benchmark)

        def report(more: int) -> None:
            progress("items", done + more, total)

        def attempt(size: int) -> Shard:
            return _score_items(self.plan, rows, size, images, score_batch, report)

        shard, size = halving(attempt, self.manifest.batch_size, self.plan.model.name)
        self._resize(batch_size=size)
        if self.files:
            self.files.write_shard(number, shard, self.manifest.key)
        return shard

    def read_shards(self) -> list[Shard]:
        """Read every shard from the folder.

        Raises:
            ScoreTableError: One is missing or damaged.
        """
        return [self._read(number, rows) for number, rows in enumerate(self.manifest.shards)]

    def finished(self, shards: Sequence[Shard]) -> ScoreTable:
        """Return the table of all shards, and write what is known of it only now.

        Args:
            shards: Every shard, in order.

        Raises:
            ScoreTableError: It can't be written.
        """
        digest = hashlib.sha256("\n".join(sha for shard in shards for sha in shard.image_sha256).encode()).hexdigest()
        if self._begins:  # others did everything meanwhile
            self.claim()
        items = self.plan.items
        facts = {
            "images_fingerprint": digest,
            "skipped_items": sum(len(shard.skipped) for shard in shards),
            "items_digest": self.files.write_items(items) if self.files else items_digest(items),
            "complete": True,
            **self._smallest_sizes(),
        }
        self.manifest = self.manifest.model_copy(update=facts)
        if self.files:
            self.files.write_manifest(self.manifest)
            self.files.forget_texts()
        return ScoreTable(self.manifest, items, shards)

    def _smallest_sizes(self) -> dict[str, int | None]:
        """Return the batch sizes that fitted everywhere: whoever of several writes the last word, it is the same."""
        if self.files is None or not self.files.has_manifest():
            return {}
        both = (self.manifest, self.files.read_manifest())
        texts = [manifest.text_batch_size for manifest in both if manifest.text_batch_size is not None]
        return {
            "batch_size": min(manifest.batch_size for manifest in both),
            "text_batch_size": min(texts, default=None),
        }

    def _read(self, number: int, rows: range) -> Shard:
        if self.files is None:
            raise ScoreTableError("A table in memory has no files that could be read.")
        lengths = [len(self.plan.texts[index]) for index in rows]
        return self.files.read_shard(number, self.manifest.key, self.plan.ids[rows.start : rows.stop], lengths)

    def _scorer(self, progress: Progress) -> BatchScorer:
        if self._score_batch is None:
            size = self.manifest.text_batch_size or self.manifest.batch_size
            texts = self.plan.distinct_texts
            kept = self.files.kept_texts(self.manifest.key, len(texts)) if self.files else None
            self._score_batch, size = self.plan.strategy.begin(texts, size, progress, kept)
            self._resize(text_batch_size=size)
        return self._score_batch

    def _loader(self) -> ImageLoader:
        if self._images is None:
            strategy, workers = self.plan.strategy, min(MOST_WORKERS, cpu_count())
            ahead = 2 * self.manifest.batch_size
            self._images = ImageLoader(
                self.plan.benchmark, strategy.prepare, workers=workers, ahead=ahead, read=strategy.read
            )
        return self._images

    def _resize(self, **sizes: int) -> None:
        """Note the batch sizes that fit in memory, so that a resumed run uses the same ones."""
        resized = self.manifest.model_copy(update=sizes)
        if resized != self.manifest:
            self.manifest = resized
            if self.files:
                self.files.write_manifest(resized)


def _score_items(
    plan: Plan,
    rows: range,
    batch_size: int,
    loader: ImageLoader,
    score_batch: BatchScorer,
    report: Callable[[int], None],
) -> Shard:
    digests: list[str] = []
    rewards: list[NDArray[np.float32]] = []
    bad: list[LoadedImage] = []
    batch: list[LoadedImage] = []
    for image in loader.load(rows):
        batch.append(image)
        if len(batch) == batch_size or image.item == rows[-1]:
            bad += [image for image in batch if image.problem]
            digests += [image.sha256 for image in batch]
            rewards += _score_images(plan, batch, score_batch)
            report(len(rewards))
            batch = []
    if bad and plan.bad_images == "stop":
        _stop(plan, bad)
    return Shard(plan.ids[rows.start : rows.stop], digests, rewards)


def _score_images(plan: Plan, batch: list[LoadedImage], score_batch: BatchScorer) -> list[NDArray[np.float32]]:
    """Return each image's rewards with its texts, NaN for those of unreadable images."""
    readable = [position for position, image in enumerate(batch) if not image.problem]
    rewards = [np.full(len(plan.texts[image.item]), np.nan, dtype=np.float32) for image in batch]
    if readable:
        texts = [plan.texts[batch[position].item] for position in readable]
        rows = score_batch([batch[position].prepared for position in readable], texts)
        for position, row in zip(readable, rows, strict=True):
            _check_finite(plan, row, batch[position].item)
            rewards[position] = row
    return rewards


def _check_finite(plan: Plan, row: NDArray[np.float32], index: int) -> None:
    bad = np.flatnonzero(~np.isfinite(row))
    if bad.size:
        text = plan.texts[index][bad[0]]
        raise RewardError(
            f"Reward {plan.model.name!r} gave {row[bad[0]]} for item {plan.ids[index]} with {text!r}; "
            f"expected a finite number ({bad.size} of this item's {row.size} are not)."
        )


def _stop(plan: Plan, bad: list[LoadedImage]) -> NoReturn:
    names = ", ".join(plan.ids[image.item] for image in bad[:NAMED]) + (", …" if len(bad) > NAMED else "")
    several = f"{len(bad)} images can't be read ({names}): " if len(bad) > 1 else ""
    them = "them" if several else "it"
    raise BenchmarkError(
        f"{several}{bad[0].problem} Repair {them}, or continue without {them} by --skip-bad-images "
        "(bad_images='skip'). What was done is kept."
    )
