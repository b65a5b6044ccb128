"""Rewards that were computed elsewhere as a score table: neither images nor PyTorch are needed.

The manifest says that the table was imported, who computed the rewards as far as that is stated, and that no image was
seen: nothing here can tell that a reward belongs to its item's image.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from tia2.benchmark.making.pairs import item_ids
from tia2.errors import ScoreTableError
from tia2.files import explain, json_of
from tia2.rewards.card import RewardCard
from tia2.scoring.manifest import (
    SHAPES_VERSION,
    ImportedRewards,
    Manifest,
    ScoredBenchmark,
    ScoredReward,
    installed_versions,
)
from tia2.scoring.rounding import RoundingTies
from tia2.scoring.table import ScoreTable
from tia2.scoring.table_files import Shard, TableFiles
from tia2.storage import absolute

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tia2.benchmark import Benchmark

PAIR, REWARDS = ("item_a", "item_b"), ("reward_a", "reward_b")
ITEM, TEXT, REWARD = COLUMNS = ("item_id", "text", "reward")
SHARD_SIZE = 8192
"""Items in one file; an import is not resumed, so few files are best."""
_NAMED = 3


def import_scores(
    benchmark: Benchmark | str | os.PathLike[str],
    scores: Any,
    *,
    name: str,
    card: RewardCard | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    computed_by: str = "unknown",
    pair: Sequence[str] = (),
    rewards: Sequence[str] = (),
    out: str | os.PathLike[str] | None = None,
    allow_missing: bool = False,
    overwrite: bool = False,
) -> ScoreTable:
    """Make a score table of rewards that were computed elsewhere.

    Args:
        benchmark: A benchmark, or what `tia2.benchmark.load` takes; its images are not looked at.
        scores: Path of a CSV, TSV, JSON Lines, JSON or Parquet file, frame, dataset, or rows. Columns: `item_id` and
            `reward`, one row per item; or `item_a`, `item_b`, `reward_a` and `reward_b`, one row per pair; with a
            third column `text`, one row for each item and text: the prompt and all of its contrastive prompts, as
            TextNorm needs them. A mapping from item ids to rewards will do, too.
        name: Name of the reward model in tables and figures.
        card: Facts about the reward model: a `RewardCard`, its fields, or a JSON file of them.
        computed_by: Person or program that computed the rewards, for readers.
        pair: Columns of the two items of a pair, for a table of one row per pair; item_a and item_b, if there are such
            columns, else ids go by the rows.
        rewards: Columns of the rewards of the two items of a pair; reward_a and reward_b if none is named.
        out: Folder to keep the table in, or a URL such as s3://bucket/name; None keeps it in memory only.
        allow_missing: Whether items may be without a reward; they are then left out, and results are partial.
        overwrite: Whether another table in `out` is deleted rather than refused.

    Returns:
        The score table. Without a column `text`, each item has the reward of its own prompt alone.

    Raises:
        BenchmarkError: The benchmark can't be loaded.
        ScoreTableError: The scores can't be read; an item is unknown, listed twice or missing, or a reward is no finite
            number or beyond float32; the card isn't one; or `out` holds something else.

    Example:
        >>> from tia2.benchmark import load
        >>> mini = load("mini")
        >>> table = import_scores(mini, {item: len(item) for item in mini.items.item_id}, name="length of the id")
        >>> len(table), table.manifest.imported.computed_by
        (3000, 'unknown')
    """
    from tia2.benchmark import load
    from tia2.benchmark.reading.tables import frame_of

    files = _files(out, overwrite)
    loaded = load(benchmark)
    source, digest = _source(scores)
    rows = frame_of(_as_rows(scores), "the scores", ScoreTableError)
    if in_pairs(rows, pair, rewards):
        rows = rows_of_pairs(rows, pair, rewards, loaded.items[ITEM].tolist(), source)
    items, texts, given = _aligned(loaded, rows, source, allow_missing)
    facts = reward_card(card, name)
    origin = ImportedRewards(computed_by=computed_by, source=source, sha256=digest)
    manifest = _manifest(loaded, texts, given, facts, origin)
    ids = loaded.items[ITEM].tolist()
    shards = [
        Shard(ids[part.start : part.stop], [""] * len(part), given[part.start : part.stop]) for part in manifest.shards
    ]
    table = ScoreTable(manifest, items, shards)
    if files is not None:
        files.clear()
        table.save(files.folder)
        return ScoreTable.load(files.folder)
    return table


def reward_card(card: RewardCard | Mapping[str, Any] | str | os.PathLike[str] | None, name: str) -> RewardCard:
    """Return the facts about a reward model under a name.

    Args:
        card: A card, its fields, a JSON file of them, or None.
        name: Name in tables and figures.

    Raises:
        ScoreTableError: The file can't be read, or a field isn't what it must be.
    """
    if not name.strip():
        raise ScoreTableError("The name of the reward model is empty.")
    if isinstance(card, RewardCard):
        return card.model_copy(update={"name": name})
    fields: Any = card
    where = "The card"
    if isinstance(card, str | os.PathLike):
        where = os.fspath(card)
        try:
            fields = json_of(Path(card).expanduser().read_bytes())
        except OSError as error:
            raise ScoreTableError(f"{where} can't be read: {error.strerror or error}.") from None
        except ValueError as error:
            raise ScoreTableError(f"{where} is no card: it isn't JSON ({error}).") from None
    if not isinstance(fields, Mapping | None):
        raise ScoreTableError(f"{where}: expected the fields of a card by name, got {type(fields).__name__}.")
    try:
        return RewardCard.model_validate({**(fields or {}), "name": name})
    except ValidationError as error:
        raise ScoreTableError(f"{where} is no card of a reward model: {explain(error)}.") from None


def _files(out: str | os.PathLike[str] | None, overwrite: bool) -> TableFiles | None:
    if out is None:
        return None
    files = TableFiles(absolute(out))
    if not files.is_empty() and not overwrite:
        raise ScoreTableError(
            f"{files.folder} holds a score table already: import to another folder, or with --overwrite "
            "(overwrite=True)."
        )
    return files


def _source(scores: Any) -> tuple[str, str | None]:
    """Return where scores come from, in words, and the SHA-256 of their file."""
    if not isinstance(scores, str | os.PathLike):
        return type(scores).__name__, None
    path = Path(scores).expanduser()
    try:
        return path.name, hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ScoreTableError(f"{path} can't be read: {error.strerror or error}.") from None


def rows_of_pairs(
    frame: pd.DataFrame, pair: Sequence[str], rewards: Sequence[str], items: Collection[str], source: str
) -> pd.DataFrame:
    """Return rewards by item, of a table with a column of rewards for each of a pair's two items.

    An item that is in several pairs must have the same reward in all of them.

    Args:
        frame: The table.
        pair: Columns of the two items; item_a and item_b if there are such columns, else ids go by the rows, as
            `tia2.benchmark.make` derives them.
        rewards: Columns of their rewards; reward_a and reward_b if none is named.
        items: Ids of the benchmark's items.
        source: Words for the table, for errors.

    Raises:
        ScoreTableError: A column is absent, or an item has two rewards.

    Example:
        >>> import pandas as pd
        >>> pairs = pd.DataFrame({"item_a": ["x"], "item_b": ["y"], "reward_a": [0.5], "reward_b": [0.25]})
        >>> rows_of_pairs(pairs, (), (), ["x", "y"], "a table").values.tolist()
        [['x', 0.5], ['y', 0.25]]
    """
    import pandas as pd

    columns, numbers = tuple(pair), tuple(rewards) or REWARDS
    if not columns and set(PAIR) <= set(frame.columns):
        columns = PAIR
    if len(columns) not in (0, 2) or len(numbers) != 2:
        raise ScoreTableError(f"{source}: a pair has two items and two rewards; name --pair and --reward twice each.")
    absent = [column for column in (*columns, *numbers) if column not in frame.columns]
    if absent:
        raise ScoreTableError(
            f"{source} lacks the column {' and '.join(absent)}; its columns are {', '.join(frame.columns) or 'none'}."
        )
    there = set(items)
    by_item: dict[str, Any] = {}
    sides = zip(item_ids(frame, columns), frame[numbers[0]].tolist(), frame[numbers[1]].tolist(), strict=True)
    for row, (ids, *given) in enumerate(sides):
        if not columns and not there.intersection(ids):
            continue  # a pair that was left out when the benchmark was made
        for item, reward in zip(ids, given, strict=True):
            if str(by_item.setdefault(item, reward)) != str(reward):
                raise ScoreTableError(
                    f"{source}, row {row}: {item!r} has the reward {reward!r} here and {by_item[item]!r} in a row "
                    "before. An image has one reward whatever it is compared with; one that depends on the other image "
                    "can't be imported."
                )
    table: pd.DataFrame = pd.DataFrame({"item_id": list(by_item), "reward": pd.Series(by_item.values(), dtype=object)})
    return table


def in_pairs(frame: pd.DataFrame, pair: Sequence[str], rewards: Sequence[str]) -> bool:
    """Return whether a table of rewards has a row per pair: columns are named, or are called so.

    Args:
        frame: The table.
        pair: Columns of the two items that were named.
        rewards: Columns of rewards that were named.
    """
    return bool(pair or rewards) or ("reward" not in frame.columns and set(REWARDS) <= set(frame.columns))


def _as_rows(scores: Any) -> Any:
    if isinstance(scores, Mapping):
        return [{ITEM: item, REWARD: reward} for item, reward in scores.items()]
    return scores


def _aligned(
    benchmark: Benchmark, rows: pd.DataFrame, source: str, allow_missing: bool
) -> tuple[pd.DataFrame, list[list[str]], list[NDArray[np.float32]]]:
    """Return the benchmark's items with their texts, and a reward for each text, NaN for items without one."""
    from tia2.scoring.plan import with_texts

    absent = [column for column in (ITEM, REWARD) if column not in rows.columns]
    if absent:
        raise ScoreTableError(
            f"{source} lacks the column {' and '.join(absent)}; its columns are {', '.join(rows.columns) or 'none'}."
        )
    items = with_texts(benchmark.items)
    if TEXT not in rows.columns:
        alone: Any = [[prompt] for prompt in items["prompt"]]
        items = items.assign(texts=alone)
    texts: list[list[str]] = [list(row) for row in items["texts"]]
    position_of = {item: number for number, item in enumerate(items[ITEM])}
    column_of = [{text: number for number, text in enumerate(row)} for row in texts]
    wide = [np.full(len(row), np.nan) for row in texts]
    given_texts = rows[TEXT].tolist() if TEXT in rows.columns else [None] * len(rows)
    for number, (item, text, reward) in enumerate(zip(rows[ITEM], given_texts, rows[REWARD], strict=True)):
        position = position_of.get(str(item))
        if position is None:
            raise _unknown_item(source, number, item, benchmark)
        column = 0 if TEXT not in rows.columns else column_of[position].get(text)
        if column is None:
            raise ScoreTableError(
                f"{source}: {text!r:.80} is neither the prompt nor a contrastive prompt of {item!r} in "
                f"{benchmark.name}."
            )
        if not math.isnan(wide[position][column]):
            with_text = f" with {text!r:.80}" if TEXT in rows.columns else ""
            raise ScoreTableError(f"{source} lists {item!r}{with_text} twice: expected one reward.")
        wide[position][column] = _number(source, item, reward)
    _check_complete(benchmark, items, texts, wide, source, allow_missing)
    _warn_of_ties(texts, wide, source)
    return items, texts, [row.astype(np.float32) for row in wide]


def _unknown_item(source: str, number: int, item: Any, benchmark: Benchmark) -> ScoreTableError:
    first = benchmark.items[ITEM].iloc[0]
    return ScoreTableError(
        f"{source}, row {number}: {benchmark.name} has no item {item!r:.80}; its ids look like {first!r}. "
        "`tia2 data show` counts its items."
    )


def _number(source: str, item: Any, reward: Any) -> float:
    try:
        number = float(reward)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(reward, bool) or not math.isfinite(number) or abs(number) > float(np.finfo(np.float32).max):
        raise ScoreTableError(
            f"{source}: the reward of {item!r} is {reward!r:.40}; expected a finite number within float32. Leave out "
            "the rows of items without a reward."
        )
    return number


def _check_complete(
    benchmark: Benchmark,
    items: pd.DataFrame,
    texts: Sequence[Sequence[str]],
    wide: Sequence[NDArray[np.float64]],
    source: str,
    allow_missing: bool,
) -> None:
    gaps = [np.isnan(row) for row in wide]
    for item, row, absent in zip(items[ITEM], texts, gaps, strict=True):
        if absent.any() and not absent.all():
            raise ScoreTableError(
                f"{source} has rewards of {item!r} for {int((~absent).sum())} of its {len(row)} texts; missing is "
                f"{row[int(absent.argmax())]!r:.80}. Give one row for each text, or leave the column text out."
            )
    missing = [item for item, absent in zip(items[ITEM], gaps, strict=True) if absent.all()]
    if len(missing) == len(items):
        raise ScoreTableError(f"{source} has no reward for any item of {benchmark.name}.")
    if missing and not allow_missing:
        names = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
        raise ScoreTableError(
            f"{source} has no reward for {len(missing):,} of {len(items):,} items of {benchmark.name}: {names}. "
            "--allow-missing (allow_missing=True) leaves them out; results are then partial."
        )


def _warn_of_ties(texts: Sequence[Sequence[str]], wide: Sequence[NDArray[np.float64]], source: str) -> None:
    by_text: dict[str, list[float]] = {}
    for row, rewards in zip(texts, wide, strict=True):
        for text, reward in zip(row, rewards, strict=True):
            if not math.isnan(reward):
                by_text.setdefault(text, []).append(float(reward))
    ties = RoundingTies()
    for text, column in by_text.items():
        ties.add([text], np.array(column)[:, None])
    ties.warn(source)


def _manifest(
    benchmark: Benchmark,
    texts: Sequence[Sequence[str]],
    rewards: Sequence[NDArray[np.float32]],
    card: RewardCard,
    imported: ImportedRewards,
) -> Manifest:
    sha = hashlib.sha256(f"imported\n{card.name}\n{benchmark.fingerprint}\n".encode())
    for row in rewards:
        sha.update(row.astype("<f4").tobytes())
    return Manifest(
        schema_version=SHAPES_VERSION,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        benchmark=ScoredBenchmark.of(benchmark),
        reward=ScoredReward(
            name=card.name, spec=f"imported:{card.name}", fingerprint=sha.hexdigest(), card=card, options={}
        ),
        versions=installed_versions(),
        dtype="float32",
        device="unknown",
        batch_size=1,
        shard_size=SHARD_SIZE,
        texts=len({text for row in texts for text in row}),
        truncated_texts=0,
        skipped_items=sum(bool(np.isnan(row[0])) for row in rewards),
        complete=True,
        imported=imported,
    )
