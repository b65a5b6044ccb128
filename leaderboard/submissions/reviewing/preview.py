"""The board as it would be with a submission on it, computed without changing the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.board import Board
from ...data.index import Index
from ...data.records import Listing, ModelCard
from ...data.store import Store
from ..checking.runs import ValidatedRun
from ..checking.validation import check_submission
from ..database import Queued
from ..run_package import RunSubmission

if TYPE_CHECKING:
    from tia2.scoring import ScoreTable

    from .reviews import Reviews


@dataclass(frozen=True)
class PreviewRow:
    """One row of the board as it would be.

    Attributes:
        entry: Id of the entry.
        name: Its name.
        rank: Rank; None for an entry without one, as are the next two.
        low: Better end of the rank interval.
        high: Worse end.
        before: Rank today; None for entries that aren't on the board, or have none.
        mean: AUROC, or the accuracy on pairs.
        mean_low: Lower end of its interval.
        mean_high: Upper end.
        new: Whether it comes with the submission.
    """

    entry: str
    name: str
    rank: int | None
    low: int | None
    high: int | None
    before: int | None
    mean: float
    mean_low: float
    mean_high: float
    new: bool


@dataclass(frozen=True)
class Preview:
    """All that a reviewer looks at.

    Attributes:
        queued: The submission as the queue knows it, with the report of the checks.
        declared: Declared facts by field: the whole card of a model, or what a run's submission says.
        calibrations: Names of the entries that it would have.
        scope: Scope of the rows.
        rows: The board as it would be, best first; empty for a fine-tuning run.
        figures: AUROC of each of its entries by scope.
    """

    queued: Queued
    declared: Mapping[str, Any]
    calibrations: list[str]
    scope: str
    rows: list[PreviewRow]
    figures: Mapping[str, Mapping[str, float]]


class StoreWith(Store):
    """A store that also lists a model which isn't in it; nothing is written but derived files.

    Args:
        store: The store.
        listing: The model; it takes the place of one of the same id.
        tables: Its score tables, by their digests.
    """

    def __init__(self, store: Store, listing: Listing, tables: Mapping[str, ScoreTable]) -> None:
        super().__init__(store.folder)
        self._listing, self._tables = listing, tables

    @property
    def listings(self) -> list[Listing]:
        """The models on the board, and this one."""
        return [*(other for other in super().listings if other.id != self._listing.id), self._listing]

    def table(self, digest: str) -> ScoreTable:
        """Return a score table, from the store or of the model beside it."""
        return self._tables[digest] if digest in self._tables else super().table(digest)


def preview(reviews: Reviews, submission: str, *, resamples: int | None = None) -> Preview:
    """Return all that a reviewer looks at.

    Args:
        reviews: The queue.
        submission: Id of a submission, or enough of its beginning.
        resamples: Resamples behind intervals; as many as the board has if None.

    Returns:
        The preview; of a submission that is decided, without the board as it would be.

    Raises:
        UnknownNameError: There is no such submission.
        LeaderboardError: Its file is missing or damaged, or can't be accepted any more.
    """
    queued = reviews.get(submission)
    if queued.state != "pending":
        return Preview(queued, {}, [], "", [], {})
    validated = check_submission(
        reviews.upload(queued.id), reviews.store, limits=reviews.limits, suspicion=False, accepting=queued.replaces
    )
    if isinstance(validated, ValidatedRun):
        return Preview(queued, _declared(validated.submission), [], "", [], {})
    listing = validated.listing(queued.received, "", queued.replaces)
    tables = dict(zip(validated.digests, validated.tables, strict=True))
    store = StoreWith(reviews.store, listing, tables)
    options = {} if resamples is None else {"resamples": resamples}
    today = Board.load(reviews.store, listing.benchmark, index=Index(reviews.store, **options))
    board = Board.load(store, listing.benchmark, index=Index(store, **options))
    new = {listing.entry_id(calibration) for calibration in listing.calibrations}
    figures = {
        board.entry(entry).name: {
            scope: float(board.estimate(scope, board.usual_metric)[board.positions[entry]]) for scope in board.scopes
        }
        for entry in sorted(new & set(board.positions))
    }
    rows = _rows(board, today, new)
    return Preview(queued, _declared(listing.card), listing.entry_names, board.usual_scope, rows, figures)


def _rows(board: Board, today: Board, new: set[str]) -> list[PreviewRow]:
    scope = board.usual_scope
    standing, earlier = board.standing(scope, board.usual_metric), today.standing(scope, today.usual_metric)
    before = {entry.id: int(earlier.rank[position]) for position, entry in enumerate(today.entries)}
    mean, low, high = (board.estimate(scope, board.usual_metric, what) for what in ("mean", "low", "high"))
    rows = [
        PreviewRow(
            entry=entry.id,
            name=entry.name,
            rank=int(standing.rank[position]) or None,
            low=int(standing.low[position]) or None,
            high=int(standing.high[position]) or None,
            before=before.get(entry.id) or None,
            mean=float(mean[position]),
            mean_low=float(low[position]),
            mean_high=float(high[position]),
            new=entry.id in new,
        )
        for position, entry in enumerate(board.entries)
    ]
    return sorted(rows, key=lambda row: (row.rank is None, row.rank or 0, -np.nan_to_num(row.mean)))


def _declared(card: ModelCard | RunSubmission) -> dict[str, Any]:
    fields = card.model_dump()
    return {name: value for name, value in fields.items() if name not in ("files", "schema_version", "kind")}
