"""Score a benchmark: every text encoded once, every image once, kept shard by shard."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tia2.errors import ScoreTableError
from tia2.progress import Progress, silent
from tia2.rewards.registry import load_reward
from tia2.scoring.plan import SHARD_SIZE, BadImages, Plan, ScoringOptions, shard_order
from tia2.scoring.run import TableRun
from tia2.scoring.table import ScoreTable
from tia2.scoring.table_files import Shard, TableFiles
from tia2.storage import absolute

if TYPE_CHECKING:
    import datasets

    from tia2.benchmark import Benchmark
    from tia2.rewards import RewardModel


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
    verify: bool = False,
    part: tuple[int, int] = (0, 1),
    progress: Progress = silent,
) -> ScoreTable:
    """Score every item of a benchmark against its prompt and contrastive prompts.

    A dual encoder encodes each distinct text and each image once; a cross-encoder runs its image part once per image
    and its text part once per pair. When memory runs out, the batch size is halved and the shard started again.

    With `out`, rewards are kept shard by shard: a run that was killed resumes where it stopped and ends with the same
    bytes, and a finished table is not scored again. A shard whose images have changed since is scored again: the first
    image of each is looked at, and all of them with `verify`.

    Args:
        reward: A reward model, what `load_reward` takes, or a function `(images, texts) -> rewards`.
        benchmark: A benchmark, or what `tia2.benchmark.load` takes; with images.
        out: The folder to keep the table in, or a URL such as s3://bucket/name; None keeps it in memory only.
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
        verify: Whether every image of the shards in `out` is read again, to score those shards again that hold one that
            has changed. If False, the first image of each shard is.
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

    options = ScoringOptions(batch_size, shard_size, bad_images, overwrite, name, trust_fingerprint, verify)
    number, parts = part
    if not 0 <= number < parts:
        raise ScoreTableError(f"Part {number}/{parts} doesn't exist: parts are numbered from 0/{parts}.")
    if out and any("\ud800" <= character <= "\udfff" for character in os.fspath(out)):
        raise ScoreTableError(f"{os.fspath(out)!r} isn't UTF-8, and Parquet files there can't be read back: rename it.")
    # Before the reward is loaded: its code is the user's, and may change the current folder.
    files = TableFiles(absolute(out)) if out else None
    model = load_reward(reward)
    plan = Plan.of(model, load(benchmark), bad_images, verify)
    written = spec or (os.fspath(reward) if isinstance(reward, str | os.PathLike) else _qualified(reward))
    with TableRun.begin(plan, written, files, options) as run:
        kept = run.kept_shards()
        shards = _complete(run, kept, part, progress)
    plan.strategy.ties.warn(run.manifest.reward.name)
    table = run.finished(shards)
    table.computed = len(plan.benchmark) - sum(len(shard.item_ids) for shard in kept if shard)
    return table


def _complete(run: TableRun, kept: Sequence[Shard | None], part: tuple[int, int], progress: Progress) -> list[Shard]:
    """Score the shards that are missing, and return all of them."""
    total = len(run.plan.benchmark)
    done = sum(len(shard.item_ids) for shard in kept if shard)
    if done < total:
        run.plan.check_images()
    progress("items", done, total)
    if done == total:
        return [shard for shard in kept if shard]
    run.claim()
    shards = dict(enumerate(kept))
    for number in [number for number in shard_order(len(kept), *part) if shards[number] is None]:
        # Looked for once more: another process on the same folder may have been faster.
        shard = run.kept_shard(number) or run.make_shard(number, done, progress)
        shards[number] = shard
        done += len(shard.item_ids)
        progress("items", done, total)
    return [shard for shard in shards.values() if shard]


def _qualified(value: Any) -> str:
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
