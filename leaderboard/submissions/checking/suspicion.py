"""What a person should look at: rewards that order items as another model's do, or agree with people beyond reason.

Neither is proof. A copy may be an honest fine-tune that changed nothing; the noise ceiling is an estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tia2.calibration.base import Calibration
from tia2.errors import Tia2Error
from tia2.evaluation.panel import Panel

from ...data.index import Index
from ...data.records import BenchmarkRecord
from .texts import quote

if TYPE_CHECKING:
    import pandas as pd

    from tia2.scoring import ScoreTable

Floats = NDArray[np.float64]
COPY = 0.9995
"""Spearman correlation from which on two models order items alike. Two seeds of one training stay below."""
FEWEST = 20
"""With fewer items in common, equal orders are no surprise."""


@dataclass(frozen=True)
class _Orders:
    """One model's raw rewards on the benchmark's items, and their ranks: over all, and within each prompt."""

    values: Floats
    present: NDArray[np.bool_]
    pooled: Floats
    within: Floats


def flags(
    index: Index,
    record: BenchmarkRecord,
    items: pd.DataFrame,
    tables: Sequence[ScoreTable],
    values: Mapping[Calibration, NDArray[Any]],
) -> list[str]:
    """Return what is suspicious about trusted score tables, one sentence each.

    Args:
        index: The store's.
        record: The benchmark.
        items: The store's copy of its items.
        tables: The score tables.
        values: The entries that are made of them.
    """
    return [*_copies(index, record, items, tables), *_beyond(index, record, tables[0], values)]


def _copies(index: Index, record: BenchmarkRecord, items: pd.DataFrame, tables: Sequence[ScoreTable]) -> Iterator[str]:
    prompts = items["prompt_id"].factorize()[0]
    position = {item: number for number, item in enumerate(items["item_id"])}
    submitted = []
    for table in tables:
        spread = np.full(len(items), np.nan)
        spread[[position[item] for item in table.items["item_id"]]] = table.raw
        submitted.append(_orders(spread, prompts))
    seen: set[str] = set()
    # A table may stand behind a model and behind ensembles: name the model.
    for listing in sorted(index.store.listings, key=lambda listing: len(listing.tables)):
        if listing.benchmark != record.name:
            continue
        for digest in listing.tables:
            if digest in seen:
                continue
            seen.add(digest)
            try:
                other = _orders(np.asarray(index.rewards(record, digest)[:, 0], np.float64), prompts)
            except (Tia2Error, KeyError):  # what the board can't show either
                continue
            for number, mine in enumerate(submitted):
                how = _alike(mine, other, prompts)
                if how:
                    which = f"tables/{number} ({quote(tables[number].name)})"
                    yield f"{which} orders items as {quote(listing.card.name)} on the board does: {how}."


def _alike(mine: _Orders, other: _Orders, prompts: NDArray[np.intp]) -> str | None:
    both = mine.present & other.present
    if np.count_nonzero(both) < FEWEST:
        return None
    if not (both == mine.present).all():
        mine = _orders(np.where(both, mine.values, np.nan), prompts)
    if not (both == other.present).all():
        other = _orders(np.where(both, other.values, np.nan), prompts)
    if np.array_equal(mine.values[both], other.values[both]):
        return f"all {np.count_nonzero(both):,} rewards are equal"
    pooled, within = _correlation(mine.pooled, other.pooled), _correlation(mine.within, other.within)
    if max(pooled, within) < COPY:
        return None
    if pooled >= within:
        return f"Spearman correlation {pooled:.5f} over {np.count_nonzero(both):,} items"
    return f"Spearman correlation {within:.5f} within prompts, over {np.count_nonzero(both):,} items"


def _orders(values: Floats, prompts: NDArray[np.intp]) -> _Orders:
    from scipy.stats import rankdata

    present = ~np.isnan(values)
    pooled, within = np.zeros(len(values)), np.zeros(len(values))
    ranks = rankdata(values[present])
    pooled[present] = ranks - ranks.mean() if len(ranks) else ranks
    # Within a prompt, ranks among all serve as values; the prompt's number keeps the prompts apart.
    apart = rankdata(prompts[present] * (2.0 * len(values) + 2) + ranks)
    of = prompts[present]
    counts = np.maximum(np.bincount(of, minlength=1), 1)
    within[present] = apart - (np.bincount(of, apart) / counts)[of] if len(of) else apart
    return _Orders(values, present, pooled, within)


def _correlation(a: Floats, b: Floats) -> float:
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length else 0.0


def _beyond(
    index: Index, record: BenchmarkRecord, table: ScoreTable, values: Mapping[Calibration, NDArray[Any]]
) -> Iterator[str]:
    people = index.outline(record).people
    if people is None:
        return
    for calibration, numbers in values.items():
        present = ~np.isnan(numbers)
        if calibration.upper_bound or not present.any():
            continue  # an oracle's settings saw the votes
        panel = Panel.of(table.items, present)
        figures = panel.figure(numbers, "auroc")
        for subset in panel.subsets:
            used = panel.used_rows(subset)
            ceiling = people[subset].ceiling["auroc"].high if subset in people else np.nan
            if used.any() and float(figures[used].mean()) > ceiling:
                figure = f"AUROC {figures[used].mean():.3f} on {quote(subset)}"
                yield (
                    f"{' '.join(calibration.chips)} has {figure}, beyond the noise ceiling of the votes (at most "
                    f"{ceiling:.3f}): were the votes used to make it?"
                )
