"""What reviewers see of a submission's rewards: figures always, and flags where one is beyond what honest models have.

No flag is proof. A copy may be an honest fine-tune that changed nothing; ceilings are estimates. The rules, and how
often they are wrong about honest models and right about attacks, are in docs/reviewing.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tia2.calibration.base import Calibration
from tia2.errors import Tia2Error
from tia2.evaluation.panel import Panel
from tia2.evaluation.summary import OVERALL

from ...data.index import Index
from ...data.records import BenchmarkRecord
from ..evidence.copies import Likeness, explained, nearest
from ..evidence.leakage import UNSURE, Leakage, leakage
from ..evidence.orders import Codes, Floats, Orders, orders_of
from .texts import quote

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tia2.scoring import ScoreTable

COPY = 0.9995
"""Spearman correlation over all items from which on two models order them alike; prompts alone make it high."""
WITHIN = 0.93
"""Within prompts. Of 171 honest pairs of real models, and 6 of the miniature world, the highest is 0.86."""
PROMPTS = 0.15
"""Share of prompts that are ordered alike; the highest of honest pairs is 0.07."""
EXPLAINED = 0.95
"""Multiple correlation with the nearest entries; the highest of honest models is 0.92."""
KNOWN = 0.6
"""Share of what can be known of the votes beyond the entries; the highest of honest models is 0.42."""
CHANCE = 1.0
"""Standard errors above the ceiling's mean from which on agreement is beyond it."""
FEWEST = 8
"""Prompts below which the ceiling's mean says little, so that agreement must be beyond the end of its interval."""
ERRORS = 4.0
"""Standard errors beyond which a measure of leakage is no chance, whatever number of submissions is looked at."""


@dataclass(frozen=True)
class Suspicion:
    """What a reviewer sees.

    Attributes:
        flags: Figures beyond what honest models have, one sentence each.
        figures: The figures behind them, always.
    """

    flags: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Board:
    """The orders of everything on the board, by the name of the entry, and by the model whose table it is."""

    orders: list[tuple[str, Orders]]
    tables: list[Orders]
    prompts: Codes
    subsets: Codes


def suspicion(
    index: Index,
    record: BenchmarkRecord,
    items: pd.DataFrame,
    tables: Sequence[ScoreTable],
    values: Mapping[Calibration, NDArray[Any]],
    replaces: str | None = None,
) -> Suspicion:
    """Return what a reviewer should see about trusted score tables.

    Args:
        index: The store's.
        record: The benchmark.
        items: The store's copy of its items.
        tables: The score tables.
        values: The entries that are made of them.
        replaces: Id of the listing that this is a new version of, which it may be like.
    """
    board = _board(index, record, items, replaces)
    looked_at = Suspicion()
    votes = _votes(items)
    position = {item: number for number, item in enumerate(items["item_id"])}
    for number, table in enumerate(tables):
        spread = np.full(len(items), np.nan)
        spread[[position[item] for item in table.items["item_id"]]] = table.raw
        what = f"tables/{number} ({quote(table.name)})"
        mine = orders_of(spread, board.prompts)
        _copies(looked_at, what, mine, board)
        if votes is not None:
            measured = leakage(mine, board.tables, votes, board.prompts)
            _leakage(looked_at, what, measured)
    for calibration, name, sentence in _beyond(index, record, tables[0], values):
        looked_at.figures.append(f"{calibration} has {name}.")
        if sentence:
            looked_at.flags.append(f"{calibration} has {sentence}")
    return looked_at


def _board(index: Index, record: BenchmarkRecord, items: pd.DataFrame, replaces: str | None) -> _Board:
    prompts = np.asarray(items["prompt_id"].factorize()[0], np.intp)
    subsets = np.asarray(items["subset"].factorize()[0], np.intp)
    orders: list[tuple[str, Orders]] = []
    tables: list[Orders] = []
    seen = {digest for listing in index.store.listings if listing.id == replaces for digest in listing.tables}
    replaced = frozenset(seen)
    # A table may stand behind a model and behind ensembles: name the model.
    for listing in sorted(index.store.listings, key=lambda listing: len(listing.tables)):
        if listing.benchmark != record.name:
            continue
        for digest in listing.tables:
            if digest in seen:
                continue
            seen.add(digest)
            try:
                rewards = np.asarray(index.rewards(record, digest)[:, 0], np.float64)
            except (Tia2Error, KeyError):  # what the board can't show either
                continue
            tables.append(orders_of(rewards, prompts))
            orders.append((listing.card.name, tables[-1]))
        for calibration in [] if replaced & set(listing.tables) else listing.calibrations:
            # Calibrated values can be handed in as raw rewards of another model.
            calibrated = index.values(index.entry_key(record, listing, calibration)) if calibration.slug else None
            if calibrated is not None:
                orders.append((calibration.entry_name(listing.card.name), orders_of(calibrated, prompts)))
    return _Board(orders, tables, prompts, subsets)


def _copies(looked_at: Suspicion, what: str, mine: Orders, board: _Board) -> None:
    near = nearest(mine, board.orders, board.prompts, board.subsets)
    if not near:
        return
    listed = ", ".join(f"{quote(entry.name)} {entry.within:.3f}" for entry in near)
    together = explained(mine, board.tables)
    looked_at.figures.append(
        f"{what}: nearest entries by correlation within prompts: {listed}; together {together:.3f}; share of prompts "
        f"ordered as the first orders them {near[0].prompts:.2f}."
    )
    alike = [(entry, how) for entry in near if (how := _alike(entry))]
    looked_at.flags.extend(
        f"{what} orders items as {quote(entry.name)} on the board does: {how}." for entry, how in alike[:1]
    )
    if not alike and together >= EXPLAINED:
        looked_at.flags.append(
            f"{what} orders items as several entries do together: multiple correlation {together:.3f} within prompts."
        )


def _alike(entry: Likeness) -> str | None:
    """Return in which way an entry is alike beyond what honest models are; None if it isn't."""
    if entry.equal:
        return f"all {entry.items:,} rewards are equal"
    if entry.pooled >= COPY and entry.pooled >= entry.within:
        return f"Spearman correlation {entry.pooled:.5f} over {entry.items:,} items"
    if entry.within >= WITHIN:
        return f"Spearman correlation {entry.within:.5f} within prompts, over {entry.items:,} items"
    if entry.subset >= WITHIN:
        return f"Spearman correlation {entry.subset:.5f} within the prompts of one subset"
    if entry.prompts >= PROMPTS:
        return f"{entry.prompts:.0%} of prompts have almost the same order"
    return None


def _votes(items: pd.DataFrame) -> Floats | None:
    """Return votes as (items, annotators), NaN where there is none; None where the benchmark has none."""
    if "votes" not in items:
        return None
    rows = [[UNSURE if vote < 0 else float(vote) for vote in votes] for votes in items["votes"]]
    width = max(map(len, rows), default=0)
    if width < 2:
        return None
    return np.array([row + [np.nan] * (width - len(row)) for row in rows])


def _leakage(looked_at: Suspicion, what: str, measured: Leakage) -> None:
    if np.isnan(measured.covariance):
        return
    given = f"covariance of two votes given the reward {measured.covariance:+.4f} ({measured.covariance_z:+.1f} s.e.)"
    figures = [given]
    if not np.isnan(measured.annotator_z):
        figures.append(f"agreement with one annotator beyond the entries' {measured.annotator_z:+.1f} s.e.")
    figures.append(
        f"correlation with people given the entries {measured.partial:.3f}, at most {measured.limit:.3f} for a model "
        "that knows every image's share of yes votes"
    )
    figures.append(f"share of prompts ordered as people order them {measured.prompts:.2f}")
    looked_at.figures.append(f"{what}: {'; '.join(figures)}.")
    if measured.covariance_z <= -ERRORS:
        looked_at.flags.append(f"{what} knows single votes, which no image shows: {given}.")
    if measured.annotator_z >= ERRORS:
        looked_at.flags.append(
            f"{what} agrees with one annotator by {measured.annotator_z:.1f} standard errors more than the board's "
            "entries make likely: was it made with that person's votes?"
        )
    if measured.prompts >= PROMPTS:
        looked_at.flags.append(
            f"{what} orders {measured.prompts:.0%} of prompts almost as the votes do, which no image shows: was it "
            "made with the votes of these?"
        )
    if measured.partial >= KNOWN * measured.limit:
        looked_at.flags.append(
            f"{what} knows much of the votes that no entry knows: correlation {measured.partial:.3f} with people given "
            f"the entries, at most {measured.limit:.3f} without the votes. Is it that good, or were they used?"
        )


def _beyond(
    index: Index, record: BenchmarkRecord, table: ScoreTable, values: Mapping[Calibration, NDArray[Any]]
) -> Iterator[tuple[str, str, str]]:
    """Yield each entry's kind, its figures, and what of them is above the mean of the noise ceiling."""
    people = index.outline(record).people
    usual, title = next((name, metric.title) for name, metric in record.metrics.items())
    for calibration, numbers in values.items():
        present = ~np.isnan(numbers)
        if calibration.upper_bound or not present.any():
            continue  # an oracle's settings saw the votes
        panel = Panel.of(table.items, present)
        figures = panel.figure(numbers, usual)
        by_subset: dict[str, tuple[float, float, int]] = {}
        for subset in panel.subsets:
            used = figures[panel.used_rows(subset)]
            if len(used) > 1:
                by_subset[subset] = float(used.mean()), float(used.std(ddof=1) / np.sqrt(len(used))), len(used)
        if len(by_subset) == len(panel.subsets) > 1:
            means, errors, prompts = zip(*by_subset.values(), strict=True)
            error = float(np.sqrt(np.sum(np.square(errors))) / len(means))
            by_subset[OVERALL] = float(np.mean(means)), error, sum(prompts)
        shown, beyond = [], ""
        for scope, (mean, error, number) in by_subset.items():
            reached = people[scope].ceiling.get(usual) if people is not None and scope in people else None
            ceiling, highest = (reached.mean, reached.high) if reached is not None else (np.nan, np.nan)
            below = "" if np.isnan(ceiling) else f" (ceiling {ceiling:.3f})"
            shown.append(f"{title} {mean:.3f} on {quote(scope)}{below}")
            least = ceiling if number >= FEWEST else highest
            if mean - CHANCE * error > least and not beyond:
                beyond = (
                    f"{title} {mean:.3f} on {quote(scope)}, beyond the noise ceiling of the votes (on average "
                    f"{ceiling:.3f}): were the votes used to make it?"
                )
        yield " ".join(calibration.chips), ", ".join(shown), beyond
