"""Score a benchmark: every text encoded once, every image once, kept shard by shard.

A run is a plan (`_Plan`, which never changes) and a manifest, whose batch sizes shrink when memory runs out. Each step
takes the manifest and returns the one that holds from then on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np

from tia2.benchmark import prompt_set
from tia2.devices import cpu_count
from tia2.errors import BenchmarkError, RewardError, ScoreTableError
from tia2.progress import Progress, silent
from tia2.rewards.loading.batching import halving
from tia2.rewards.registry import load_reward
from tia2.scoring.images import ImageLoader, LoadedImage, image_digests
from tia2.scoring.manifest import Manifest
from tia2.scoring.resuming import Resuming, resumed
from tia2.scoring.strategies import BatchScorer, Strategy, Texts, first_batch_size, strategy_for, truncated
from tia2.scoring.table import ScoreTable
from tia2.scoring.table_files import Shard, TableFiles, items_digest
from tia2.scoring.undigested import warn_of_undigested

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    from numpy.typing import NDArray

    from tia2.benchmark import Benchmark
    from tia2.rewards import RewardModel

SHARD_SIZE = 256
"""Items in one file; at most so many are scored again after a crash."""

MOST_WORKERS = 8
"""More threads than this don't feed one model faster."""

NAMED = 3
"""The number of unreadable images that an error names."""

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
    spec: str | None = None,
    name: str | None = None,
    trust_fingerprint: bool = False,
    part: tuple[int, int] = (0, 1),
    progress: Progress = silent,
) -> ScoreTable:
    """Score every item of a benchmark against its prompt and contrastive prompts.

    A dual encoder encodes each distinct text and each image once; a cross-encoder runs its image part once per image
    and its text part once per pair. When memory runs out, the batch size is halved and the shard started again.

    With `out`, rewards are kept shard by shard: a run that was killed resumes where it stopped and ends with the same
    bytes, and a finished table is not scored again. A shard whose images have changed since is scored again.

    Args:
        reward: A reward model, what `load_reward` takes, or a function `(images, texts) -> rewards`.
        benchmark: A benchmark, or what `tia2.benchmark.load` takes; with images.
        out: The folder to keep the table in; None keeps it in memory only.
        batch_size: Images at a time. If None, that of the run that is resumed, or else one that suits model and device.
            Another batch size may change the last digits.
        shard_size: Items in one file.
        bad_images: Treatment of missing and damaged images: "stop" names them and keeps what is done, "skip" continues
            without their items, whose rewards are NaN; `ScoreTable.skipped` names them.
        overwrite: Delete another table in `out`, rather than refuse it.
        spec: The specification that the manifest records for the reward. If None, what `reward` says, or the qualified
            name of an object.
        name: Name of the table, instead of the reward model's: checkpoints of one class are told apart by it.
        trust_fingerprint: Whether a table in `out` is resumed or handed back although the fingerprint can't say that it
            is of this reward model: parts of it can't be digested, or the table was made before 0.2.
        part: Part of the work to begin with, as (number from 0, number of parts): processes that share `out`, each with
            a part of its own, divide the shards. A process that is through with its part continues with what the others
            have not done, from the end, so that the table becomes complete whichever of them fail.
        progress: Called after every batch with "texts" or "items", the number done, and the number in all.

    Returns:
        The score table.

    Raises:
        BenchmarkError: Images are missing or damaged.
        RewardError: The reward model can't be loaded, or returned something other than finite numbers.
        ScoreTableError: A size is below 1, `bad_images` is something else, or `out` holds something else, rewards of
            what may be another reward model, or can't be written to.

    Example:
        >>> import tia2
        >>> table = tia2.score("mini-strong", "mini", out="runs/mini-strong")  # doctest: +SKIP
    """
    from tia2.benchmark import load

    _check_options(batch_size, shard_size, bad_images, part)
    # Before the reward is loaded: its code is the user's, and may change the current folder.
    files = TableFiles(Path(out).absolute()) if out else None
    model = load_reward(reward)
    plan = _Plan.of(model, load(benchmark), bad_images)
    written = spec or (os.fspath(reward) if isinstance(reward, str | os.PathLike) else _qualified(reward))
    manifest = _begun(plan, written, name, batch_size, shard_size)
    if not trust_fingerprint:
        warn_of_undigested(manifest.reward)
    if files:
        options = Resuming(overwrite, batch_size is None, name is not None, trust_fingerprint)
        manifest = resumed(files, manifest, options)
    kept = [_kept_shard(plan, manifest, files, number) for number in range(len(manifest.shards))]
    shards, manifest = _complete(plan, manifest, files, kept, part, progress)
    plan.strategy.ties.warn(manifest.reward.name)
    table = _finished(plan, manifest, files, shards)
    table.computed = len(plan.benchmark) - sum(len(shard.item_ids) for shard in kept if shard)
    return table


def with_texts(items: pd.DataFrame) -> pd.DataFrame:
    """Return a benchmark's items with a column `texts`: the prompt, then its contrastive prompts, each once."""
    pairs = zip(items["prompt"], items["contrastive_prompts"], strict=True)
    texts: Any = [prompt_set(prompt, contrastive) for prompt, contrastive in pairs]
    extended: pd.DataFrame = items.assign(texts=texts)
    return extended


@dataclass(frozen=True)
class _Plan:
    """What is scored, with what: everything that stays the same during a run.

    Attributes:
        model: The reward model.
        strategy: The strategy that runs it.
        benchmark: The benchmark.
        items: The benchmark's columns but the image, and `texts`.
        ids: The items' ids.
        texts: The texts of each item.
        distinct_texts: All of them, each once.
        bad_images: "stop" or "skip".
    """

    model: RewardModel
    strategy: Strategy
    benchmark: Benchmark
    items: pd.DataFrame
    ids: list[str]
    texts: list[Texts]
    distinct_texts: list[str]
    bad_images: BadImages

    @classmethod
    def of(cls, model: RewardModel, benchmark: Benchmark, bad_images: BadImages) -> _Plan:
        items = with_texts(benchmark.items)
        texts = [tuple(texts) for texts in items["texts"]]
        # First over distinct sets: the items of a prompt share theirs, and there are far fewer prompts than items.
        distinct = list(dict.fromkeys(text for texts in dict.fromkeys(texts) for text in texts))
        ids = items["item_id"].tolist()
        return cls(model, strategy_for(model), benchmark, items, ids, texts, distinct, bad_images)


def _begun(plan: _Plan, spec: str, name: str | None, batch_size: int | None, shard_size: int) -> Manifest:
    return Manifest.begin(
        plan.model,
        plan.benchmark,
        spec=spec,
        name=name,
        batch_size=batch_size or first_batch_size(plan.model),
        shard_size=shard_size,
        texts=len(plan.distinct_texts),
        truncated_texts=truncated(plan.model, plan.distinct_texts),
    )


def _check_options(batch_size: int | None, shard_size: int, bad_images: str, part: tuple[int, int]) -> None:
    for name, size in (("batch_size", batch_size), ("shard_size", shard_size)):
        if size is not None and size < 1:
            raise ScoreTableError(f"{name} is {size}; expected at least 1.")
    if bad_images not in ("stop", "skip"):
        raise ScoreTableError(f"bad_images is {bad_images!r}; expected 'stop' or 'skip'.")
    number, parts = part
    if not 0 <= number < parts:
        raise ScoreTableError(f"Part {number}/{parts} doesn't exist: parts are numbered from 0/{parts}.")


def _kept_shard(plan: _Plan, manifest: Manifest, files: TableFiles | None, number: int) -> Shard | None:
    """Return a shard that an earlier run wrote, if it is whole and its images are still the same."""
    if files is None or not files.shard_path(number).is_file():
        return None
    rows = manifest.shards[number]
    lengths = [len(plan.texts[index]) for index in rows]
    try:
        shard = files.read_shard(number, manifest.key, plan.ids[rows.start : rows.stop], lengths)
    except ScoreTableError:
        return None
    if shard.skipped and plan.bad_images == "stop":
        return None
    digests = image_digests(plan.benchmark, rows)
    # Images that are gone since say nothing against rewards that were computed from them.
    unchanged = all(new in (None, old) for new, old in zip(digests, shard.image_sha256, strict=True))
    return shard if unchanged else None


def _complete(
    plan: _Plan,
    manifest: Manifest,
    files: TableFiles | None,
    kept: Sequence[Shard | None],
    part: tuple[int, int],
    progress: Progress,
) -> tuple[list[Shard], Manifest]:
    """Score the shards that are missing, and return all of them."""
    total = len(plan.benchmark)
    done = sum(len(shard.item_ids) for shard in kept if shard)
    if done < total:
        _check_images(plan)
    progress("items", done, total)
    if done == total:
        return [shard for shard in kept if shard], manifest
    if files:
        files.write_manifest(manifest)
    shards = dict(enumerate(kept))
    score_batch: BatchScorer | None = None
    with _image_loader(plan, manifest) as loader:
        for number in [number for number in shard_order(len(kept), *part) if shards[number] is None]:
            # Looked for once more: another process on the same folder may have been faster.
            shard = _kept_shard(plan, manifest, files, number)
            if shard is None:
                if score_batch is None:
                    # Not before: a run that finds everything done encodes no text.
                    size = manifest.text_batch_size or manifest.batch_size
                    score_batch, size = plan.strategy.begin(plan.distinct_texts, size, progress)
                    manifest = _resized(manifest, files, text_batch_size=size)
                report = partial(_report_more, progress, done, total)
                shard, manifest = _score_shard(plan, manifest, files, number, loader, score_batch, report)
            shards[number] = shard
            done += len(shard.item_ids)
            progress("items", done, total)
    return [shard for shard in shards.values() if shard], manifest


def shard_order(shards: int, part: int, parts: int) -> list[int]:
    """Return the order in which one of several processes takes the shards of a table.

    Its own part comes first, in order. Then come the other parts from their ends, the next one first: whoever works on
    one of them has begun at its start, and the two meet only once.

    Args:
        shards: Number of shards.
        part: Number of the process's part, from 0.
        parts: Number of parts.

    Example:
        >>> shard_order(6, 0, 1), shard_order(6, 1, 3)
        ([0, 1, 2, 3, 4, 5], [2, 3, 5, 4, 1, 0])
    """
    starts = [shards * number // parts for number in range(parts + 1)]
    order = list(range(starts[part], starts[part + 1]))
    for number in [*range(part + 1, parts), *range(part)]:
        order += reversed(range(starts[number], starts[number + 1]))
    return order


def _finished(plan: _Plan, manifest: Manifest, files: TableFiles | None, shards: Sequence[Shard]) -> ScoreTable:
    """Return the table of all shards, and write what is known of it only now."""
    digest = hashlib.sha256("\n".join(sha for shard in shards for sha in shard.image_sha256).encode()).hexdigest()
    facts = {
        "images_fingerprint": digest,
        "skipped_items": sum(len(shard.skipped) for shard in shards),
        "items_digest": files.write_items(plan.items) if files else items_digest(plan.items),
        "complete": True,
    }
    manifest = manifest.model_copy(update=facts)
    if files:
        files.write_manifest(manifest)
    return ScoreTable(manifest, plan.items, shards)


def _report_more(progress: Progress, before: int, total: int, more: int) -> None:
    progress("items", before + more, total)


def _resized(manifest: Manifest, files: TableFiles | None, **sizes: int) -> Manifest:
    """Note the batch sizes that fit in memory, so that a resumed run uses the same ones."""
    resized = manifest.model_copy(update=sizes)
    if resized != manifest and files:
        files.write_manifest(resized)
    return resized


def _image_loader(plan: _Plan, manifest: Manifest) -> ImageLoader:
    strategy, workers, ahead = plan.strategy, min(MOST_WORKERS, cpu_count()), 2 * manifest.batch_size
    return ImageLoader(plan.benchmark, strategy.prepare, workers=workers, ahead=ahead, read=strategy.read)


def _score_shard(
    plan: _Plan,
    manifest: Manifest,
    files: TableFiles | None,
    number: int,
    loader: ImageLoader,
    score_batch: BatchScorer,
    report: Callable[[int], None],
) -> tuple[Shard, Manifest]:
    """Score one shard with the batch size that memory allows, and write it."""
    rows = manifest.shards[number]

    def attempt(size: int) -> Shard:
        return _score_items(plan, rows, size, loader, score_batch, report)

    shard, size = halving(attempt, manifest.batch_size, plan.model.name)
    manifest = _resized(manifest, files, batch_size=size)
    if files:
        files.write_shard(number, shard, manifest.key)
    return shard, manifest


def _score_items(
    plan: _Plan,
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


def _score_images(plan: _Plan, batch: list[LoadedImage], score_batch: BatchScorer) -> list[NDArray[np.float32]]:
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


def _check_finite(plan: _Plan, row: NDArray[np.float32], index: int) -> None:
    bad = np.flatnonzero(~np.isfinite(row))
    if bad.size:
        text = plan.texts[index][bad[0]]
        raise RewardError(
            f"Reward {plan.model.name!r} gave {row[bad[0]]} for item {plan.ids[index]} with {text!r}; "
            f"expected a finite number ({bad.size} of this item's {row.size} are not)."
        )


def _check_images(plan: _Plan) -> None:
    """Stop before any model runs where images are missing that must not be."""
    missing = plan.benchmark.missing_images
    if not missing or (plan.bad_images == "skip" and len(missing) < len(plan.benchmark)):
        return
    raise BenchmarkError(
        f"{len(missing):,} of {len(plan.benchmark):,} items of benchmark {plan.benchmark.name!r} have no image, "
        f"the first is {missing[0]}. {plan.benchmark.image_advice}"
    )


def _stop(plan: _Plan, bad: list[LoadedImage]) -> NoReturn:
    names = ", ".join(plan.ids[image.item] for image in bad[:NAMED]) + (", …" if len(bad) > NAMED else "")
    several = f"{len(bad)} images can't be read ({names}): " if len(bad) > 1 else ""
    them = "them" if several else "it"
    raise BenchmarkError(
        f"{several}{bad[0].problem} Repair {them}, or continue without {them} by --skip-bad-images "
        "(bad_images='skip'). What was done is kept."
    )


def _qualified(value: Any) -> str:
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
